package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"
)

// passwordLimit is more than any password may have; what is longer is no password.
const passwordLimit = 4096

// readPassword asks for a new password, twice and without showing it, or reads
// one line of standard input. It never comes from the command line.
func (p *program) readPassword(fromStdin bool) (string, error) {
	if fromStdin {
		content, err := io.ReadAll(io.LimitReader(p.in, passwordLimit+1))
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		line, rest, _ := strings.Cut(string(content), "\n")
		line = strings.TrimSuffix(line, "\r")
		switch {
		case len(content) > passwordLimit:
			return "", errors.New("what stands on standard input is too long for a password")
		case line == "":
			return "", mend(errors.New("there is no password on standard input"), "write it there, one line: … --password-stdin < FILE")
		case strings.TrimSpace(rest) != "":
			return "", mend(errors.New("standard input has more than one line"), "write the password there, and nothing else")
		}
		return line, nil
	}
	fd, ok := terminal(p.in)
	if !ok {
		return "", mend(&misuse{errors.New("there is no terminal to ask for the password")}, "hand it over on standard input: --password-stdin")
	}
	ask := func(prompt string) (string, error) {
		fmt.Fprint(p.err, prompt)
		typed, err := term.ReadPassword(fd)
		fmt.Fprintln(p.err)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return string(typed), nil
	}
	first, err := ask("New password (it is not shown): ")
	if err != nil {
		return "", err
	}
	second, err := ask("Once more: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", mend(errors.New("the two passwords differ"), "try again")
	}
	return first, nil
}
