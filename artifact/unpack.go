package artifact

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/lockkeeper/lockkeeper/links"
)

// Limits bound what Unpack writes. A zero field means its default.
type Limits struct {
	Files     int   // how many files and links; default 100,000
	FileBytes int64 // of one file; default 256 MiB
	Bytes     int64 // of all files together; default 1 GiB

	// Note returns where the content of a file goes besides the directory, nil
	// for nowhere. What it gets is the archive's, whatever happens to the file
	// afterwards. mode is what the file gets: 0 when it is left out. Nil notes nothing.
	Note func(name string, mode fs.FileMode) io.Writer
	// NoteLink gets each link and its text. Nil notes nothing.
	NoteLink func(name, to string)
	// Accept says whether an entry is unpacked or passed over, or why the archive is
	// refused. It may look at what is in the directory. Nil takes all.
	Accept func(name string) (bool, error)

	// Directories says that an archive may hold directories in which nothing lies.
	Directories bool
	// Executable makes a file executable that is there without the archive: an entry
	// that is a hard link to itself. It is called instead of Accept. Nil refuses those.
	Executable func(name string) error
}

func (l Limits) orDefault() Limits {
	if l.Files == 0 {
		l.Files = 100_000
	}
	if l.FileBytes == 0 {
		l.FileBytes = 256 << 20
	}
	if l.Bytes == 0 {
		l.Bytes = 1 << 30
	}
	return l
}

// A decoder may ask for this much memory for its window, in bytes; the
// archives that package pull makes need less.
const maxWindow = 8 << 20

// ErrUnsafe means that an archive holds something that no source archive may
// hold. The error's text names the entry.
var ErrUnsafe = errors.New("the source archive is not acceptable")

// Unpack writes the files of a zstd-compressed tar archive below dir, which
// should be empty: no file is replaced. It accepts plain files and symbolic links with clean relative
// names, what the limits name, and nothing else: no hard links, devices, directories, duplicates or
// absolute names, no component "..", nothing after the end, and never more than
// the limits. A link may lead to nothing, but never out of dir, whichever links it
// leads through; links are made when every file is there, and nothing is written
// through one.
//
// It reads r to its end, so that a reader from Dir.Open has compared the digest
// when Unpack returns nil. After any error the caller throws dir away.
func Unpack(r io.Reader, dir *os.Root, limits Limits) error {
	limits = limits.orDefault()
	decoder, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow))
	if err != nil {
		return fmt.Errorf("opening source archive: %w", err)
	}
	defer decoder.Close()

	u := unpacker{dir: dir, limits: limits, made: map[string]bool{".": true}, links: links.Set{}}
	// Headers count too: without this, a small archive could hold endless ones.
	stream := &boundedReader{r: decoder, left: limits.Bytes + int64(limits.Files)*headerRoom + headerRoom}
	archive := tar.NewReader(stream)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return errors.Join(nothingLeft(stream), u.makeLinks())
		}
		if err != nil {
			return fmt.Errorf("reading source archive: %w", err)
		}
		if err := u.entry(header, archive); err != nil {
			return fmt.Errorf("unpacking %.200q: %w", header.Name, err)
		}
	}
}

// headerRoom is what one entry may take beside its content: header, padding
// and a long name.
const headerRoom = 8 << 10

type unpacker struct {
	dir    *os.Root
	limits Limits
	files  int
	bytes  int64
	made   map[string]bool // directories that exist
	links  links.Set       // to be made
}

func (u *unpacker) entry(header *tar.Header, content io.Reader) error {
	if err := u.accept(header); err != nil {
		return err
	}
	if header.Typeflag == tar.TypeLink {
		return u.limits.Executable(header.Name)
	}
	if u.limits.Accept != nil {
		if wanted, err := u.limits.Accept(header.Name); !wanted || err != nil {
			return err
		}
	}
	if header.Typeflag == tar.TypeDir {
		return u.makeDir(header.Name)
	}
	if err := u.makeDir(path.Dir(header.Name)); err != nil {
		return err
	}
	if header.Typeflag == tar.TypeSymlink {
		if _, twice := u.links[header.Name]; twice {
			return fmt.Errorf("%w: it is there twice", ErrUnsafe)
		}
		u.links[header.Name] = header.Linkname
		return nil
	}
	var mode fs.FileMode // nobody may read what has none: the archive says that such a file is left out
	switch {
	case header.Mode&0o100 != 0:
		mode = 0o755
	case header.Mode != 0:
		mode = 0o644
	}
	// O_EXCL refuses a second file of the same name and never follows a link.
	f, err := u.dir.OpenFile(header.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: it is there twice", ErrUnsafe)
	}
	if err != nil {
		return err
	}
	var to io.Writer = f
	if u.limits.Note != nil {
		if noted := u.limits.Note(header.Name, mode); noted != nil {
			to = io.MultiWriter(f, noted)
		}
	}
	_, err = io.CopyN(to, content, header.Size)
	return errors.Join(err, f.Close())
}

func (u *unpacker) makeDir(name string) error {
	if u.made[name] {
		return nil
	}
	if err := u.dir.MkdirAll(name, 0o755); err != nil {
		return err
	}
	u.made[name] = true
	return nil
}

// makeLinks makes the links, which are in no file's and in no link's way: no
// directory that something lies in has the name of one.
func (u *unpacker) makeLinks() error {
	for name := range u.links {
		if err := u.links.Check(name); err != nil {
			return fmt.Errorf("unpacking %.200q: %w: %w", name, ErrUnsafe, err)
		}
	}
	for name, to := range u.links {
		err := u.dir.Symlink(to, name)
		if errors.Is(err, fs.ErrExist) {
			err = fmt.Errorf("%w: it is there twice", ErrUnsafe)
		}
		if err != nil {
			return fmt.Errorf("unpacking %.200q: %w", name, err)
		}
		if u.limits.NoteLink != nil {
			u.limits.NoteLink(name, to)
		}
	}
	return nil
}

// accept says whether an entry may be written, and counts it.
func (u *unpacker) accept(header *tar.Header) error {
	u.files++
	u.bytes += max(header.Size, 0)
	switch {
	case !u.allows(header):
		return fmt.Errorf("%w: only plain files and symbolic links are allowed, this is of type %q", ErrUnsafe, header.Typeflag)
	case header.Typeflag != tar.TypeReg && header.Size != 0:
		return fmt.Errorf("%w: only a plain file has content", ErrUnsafe)
	case !fs.ValidPath(header.Name) || header.Name == "." || strings.ContainsRune(header.Name, 0):
		return fmt.Errorf("%w: the name is not a clean relative path", ErrUnsafe)
	case header.Size < 0 || header.Size > u.limits.FileBytes:
		return fmt.Errorf("%w: it has %d bytes, the limit for one file is %d", ErrUnsafe, header.Size, u.limits.FileBytes)
	case u.files > u.limits.Files:
		return fmt.Errorf("%w: it is file %d, the limit is %d", ErrUnsafe, u.files, u.limits.Files)
	case u.bytes > u.limits.Bytes:
		return fmt.Errorf("%w: with it the archive has %d bytes, the limit is %d", ErrUnsafe, u.bytes, u.limits.Bytes)
	}
	return nil
}

// allows reports whether an entry is of a type that may be there.
func (u *unpacker) allows(header *tar.Header) bool {
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeSymlink:
		return true
	case tar.TypeDir:
		return u.limits.Directories
	case tar.TypeLink:
		return u.limits.Executable != nil && header.Linkname == header.Name
	}
	return false
}

// nothingLeft reads the stream to its end and refuses anything that follows
// the archive.
func nothingLeft(stream io.Reader) error {
	n, err := io.ReadFull(stream, make([]byte, 1))
	if err == io.EOF {
		return nil
	}
	if n > 0 {
		return fmt.Errorf("%w: data follows the end of the archive", ErrUnsafe)
	}
	return fmt.Errorf("reading the end of the source archive: %w", err)
}

// boundedReader ends in ErrUnsafe instead of giving more than left bytes.
type boundedReader struct {
	r    io.Reader
	left int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("%w: it unpacks to more than the limit", ErrUnsafe)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
