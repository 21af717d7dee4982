package sqlite

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// migration is one step of the schema. Its number is that of its file's name,
// and the user_version of a database that has it.
type migration struct {
	number int
	name   string
	text   string
}

// numbered reads the migrations in their order: NNN_subject.sql, from 1 on and
// each number once. With a gap a database could come to have a later one without
// an earlier one, and nobody would see it.
func numbered(dir fs.FS) ([]migration, error) {
	names, err := fs.Glob(dir, "*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var all []migration
	for _, name := range names {
		digits, subject, _ := strings.Cut(strings.TrimSuffix(name, ".sql"), "_")
		number, err := strconv.Atoi(digits)
		if err != nil || len(digits) != 3 || subject == "" {
			return nil, fmt.Errorf("%s is not a migration: its name must be NNN_subject.sql", name)
		}
		if number != len(all)+1 {
			return nil, fmt.Errorf("%s comes where migration %03d must be", name, len(all)+1)
		}
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		all = append(all, migration{number, name, string(text)})
	}
	return all, nil
}
