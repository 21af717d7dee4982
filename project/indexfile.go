package project

import (
	"bufio"
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
)

// indexHeader begins a saved index. Raise the number whenever facts, or what is read from a file, changes:
// facts of an older version would be believed otherwise.
const indexHeader = "lockkeeper module index 11\n"

const maxIndexBytes = 512 << 20

// Save writes the index to the file name, whole or not at all, so that a restart stays warm.
func (ix *Index) Save(name string) error {
	ix.mu.RLock()
	known := maps.Clone(ix.known)
	ix.mu.RUnlock()
	body := bytes.Buffer{}
	if err := gob.NewEncoder(&body).Encode(known); err != nil {
		return fmt.Errorf("encoding module index: %w", err)
	}
	temp, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("saving module index: %w", err)
	}
	defer os.Remove(temp.Name()) // of no effect once renamed
	w := bufio.NewWriter(temp)
	fmt.Fprintf(w, "%s%08x\n", indexHeader, crc32.ChecksumIEEE(body.Bytes()))
	w.Write(body.Bytes())
	if err := errors.Join(w.Flush(), temp.Close()); err != nil {
		return fmt.Errorf("saving module index: %w", err)
	}
	if err := os.Rename(temp.Name(), name); err != nil {
		return fmt.Errorf("saving module index: %w", err)
	}
	return nil
}

// Load adds what Save wrote to name. A file that is absent, damaged or of another version adds nothing
// and is no error: the index then fills itself again from the trees.
func (ix *Index) Load(name string) error {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && info.Size() > maxIndexBytes) {
		return nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("loading module index: %w", err)
	}
	body, ok := bytes.CutPrefix(data, []byte(indexHeader))
	const sumBytes = len("00000000\n")
	if !ok || len(body) < sumBytes || string(body[:sumBytes]) != fmt.Sprintf("%08x\n", crc32.ChecksumIEEE(body[sumBytes:])) {
		return nil
	}
	var known map[string]*facts
	if err := gob.NewDecoder(bytes.NewReader(body[sumBytes:])).Decode(&known); err != nil {
		return nil
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.known == nil {
		ix.known = make(map[string]*facts, len(known))
	}
	maps.Copy(ix.known, known)
	return nil
}
