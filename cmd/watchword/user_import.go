package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/watchwordauth/watchword/account"
)

func (p *program) userImport() *cobra.Command {
	var asJSON, quiet bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Add many users, with the password hashes they have.",
		Long: `Add many users, with the password hashes they have: from a file of JSON Lines,
one user a line, or with - from standard input.

  {"username": "ada", "email": "ada@example.org", "passwordHash": "$2b$10$…"}

A line may also have "roles" (names; none means user), "createdAt" (RFC 3339)
and "blocked". Hashes may be bcrypt ($2a$, $2b$, $2y$), Argon2id, Argon2i or
scrypt; each is replaced by a stronger one when its user signs in. Passwords in
clear are refused. What mongoexport writes is taken as it is.

A line that is wrong is refused, whole, and told with its reason; it does not
stop the rest. Running an import again does no harm: who is there is left alone.
The exit status is 1 if any line was refused.`,
		Example: `  mongoexport --db app --collection users | watchword user import -
  watchword user import users.jsonl`,
		Args: exactly("FILE, or - for standard input"),
		RunE: p.atDesk(func(ctx context.Context, d *desk, args []string) error {
			lines, size, err := p.openLines(args[0])
			if err != nil {
				return err
			}
			defer lines.Close()
			read := &counter{reader: lines}
			progress := func(account.Imported) {}
			if _, ok := terminal(p.err); ok && !quiet {
				progress = func(i account.Imported) { p.showProgress(i, read.bytes, size) }
			}
			imported, err := d.accounts.Import(ctx, read, byCLI, progress)
			if err != nil {
				return mend(fmt.Errorf("import the users: %w", err), "what was added before stays: mend this, then run the same import again")
			}
			if asJSON {
				err = writeJSON(p.out, recordOfImport(imported))
			} else {
				p.tellImport(imported)
			}
			if err == nil && imported.Refused > 0 {
				err = errSilent
			}
			return err
		}),
	}
	jsonFlag(cmd, &asJSON)
	cmd.Flags().BoolVar(&quiet, "quiet", false, "show no progress")
	registerStore(cmd, "user")
	return cmd
}

// openLines opens what is to be imported, and tells its size if it has one.
func (p *program) openLines(name string) (io.ReadCloser, int64, error) {
	if name == "-" {
		if _, ok := terminal(p.in); ok {
			return nil, 0, mend(&misuse{errors.New("standard input is a terminal")}, "name a file, or send one: watchword user import - < FILE")
		}
		return io.NopCloser(p.in), 0, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, 0, fmt.Errorf("open what is to be imported: %w", err)
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return file, 0, nil
	}
	return file, info.Size(), nil
}

// counter counts what is read through it.
type counter struct {
	reader io.Reader
	bytes  int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.reader.Read(p)
	c.bytes += int64(n)
	return n, err
}

// showProgress writes over the last line of a terminal.
func (p *program) showProgress(i account.Imported, read, size int64) {
	share := ""
	if size > 0 {
		share = fmt.Sprintf("%3d %%  ", 100*read/size)
	}
	fmt.Fprintf(p.err, "\r%s%d lines, %d added, %d refused ", share, i.Lines, i.Added, i.Refused)
}

// tellImport says what became of the lines: the refused ones, with their reasons,
// beside the result.
func (p *program) tellImport(i account.Imported) {
	if _, ok := terminal(p.err); ok {
		fmt.Fprintln(p.err)
	}
	for _, note := range i.Notes {
		fmt.Fprintf(p.err, "line %d: %s\n", note.Line, plain(note.Text))
	}
	for _, refusal := range i.Refusals {
		fmt.Fprintf(p.err, "line %d refused: %s\n", refusal.Line, plain(refusal.Text))
	}
	if more := i.Refused - len(i.Refusals); more > 0 {
		fmt.Fprintf(p.err, "and %s more refused\n", count(more, "line"))
	}
	fmt.Fprintf(p.out, "%s: %d added, %d there already, %d refused\n", count(i.Lines, "line"), i.Added, i.Present, i.Refused)
}

type importRecord struct {
	Lines    int          `json:"lines"`
	Added    int          `json:"added"`
	Present  int          `json:"present"`
	Refused  int          `json:"refused"`
	Refusals []noteRecord `json:"refusals"`
	Notes    []noteRecord `json:"notes"`
}

type noteRecord struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

func recordOfImport(i account.Imported) importRecord {
	notes := func(from []account.LineNote) []noteRecord {
		records := make([]noteRecord, 0, len(from))
		for _, note := range from {
			records = append(records, noteRecord(note))
		}
		return records
	}
	return importRecord{i.Lines, i.Added, i.Present, i.Refused, notes(i.Refusals), notes(i.Notes)}
}
