package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/watchwordauth/watchword/session"
)

func (p *program) token() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Look into a token.",
		Args:  cobra.ArbitraryArgs,
		RunE:  p.group,
	}
	cmd.AddCommand(p.tokenInspect())
	return cmd
}

func (p *program) tokenInspect() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect [FILE]",
		Short: "Tell what an access or a refresh token says, and when it expires.",
		Long: `Tell what an access or a refresh token says, and when it expires.

The token is read from a file or from standard input; at a terminal it is asked
for and not shown. It is not taken from the command line, which every user of
the machine can read and which the shell keeps.

Nothing is printed that could be used: of an access token not the signature, of
a refresh token not the handle. Neither is it checked whether the token is
genuine; an API does that with package verify or with the published keys.`,
		Example: `  watchword token inspect < token.txt
  curl -s … | jq -r .accessToken | watchword token inspect`,
		Args: atMost("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := p.readToken(args)
			if err != nil {
				return err
			}
			description, err := inspect(text, p.now())
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(p.out, description.fields)
			}
			return description.write(p.out)
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

// tokenLimit is more than any token of ours has; the JWTs of others may be long.
const tokenLimit = 64 << 10

// readToken reads one token from the named file, from a terminal without
// showing it, or from a pipe.
func (p *program) readToken(args []string) (string, error) {
	in, name := p.in, "standard input"
	if len(args) == 1 && args[0] != "-" {
		if looksLikeToken(args[0]) {
			return "", mend(&misuse{errors.New("a token in the command line can be read by every user of this machine, and the shell keeps it")},
				"hand it over on standard input: watchword token inspect < FILE")
		}
		file, err := os.Open(args[0])
		if err != nil {
			return "", fmt.Errorf("read the token: %w", err)
		}
		defer file.Close()
		in, name = file, args[0]
	} else if fd, ok := terminal(p.in); ok {
		fmt.Fprint(p.err, "Paste the token (it is not shown) and press Enter: ")
		text, err := term.ReadPassword(fd)
		fmt.Fprintln(p.err)
		if err != nil {
			return "", fmt.Errorf("read the token: %w", err)
		}
		return strings.TrimSpace(string(text)), nil
	}
	content, err := io.ReadAll(io.LimitReader(in, tokenLimit+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("read the token: %w", err)
	case len(content) > tokenLimit:
		return "", fmt.Errorf("%s holds more than %d bytes: that is no token", name, tokenLimit)
	}
	scanner := bufio.NewScanner(bytes.NewReader(content))
	scanner.Buffer(nil, tokenLimit+1)
	for scanner.Scan() {
		if line := strings.TrimSpace(scanner.Text()); line != "" {
			return line, nil
		}
	}
	return "", mend(fmt.Errorf("%s holds no token", name), "give it one line with the token")
}

// terminal returns the file descriptor of a stream that is a terminal.
func terminal(stream any) (fd int, ok bool) {
	file, ok := stream.(*os.File)
	if !ok {
		return 0, false
	}
	return int(file.Fd()), term.IsTerminal(int(file.Fd()))
}

func looksLikeToken(text string) bool {
	return strings.HasPrefix(text, session.TokenPrefix) || strings.HasPrefix(text, "eyJ") && strings.Count(text, ".") >= 2
}

// description is what is told of a token: rows for people, fields for programs.
type description struct {
	title  string
	rows   [][2]string
	fields map[string]any
	closes string
}

func (d *description) row(name, value string) { d.rows = append(d.rows, [2]string{"  " + name, value}) }

func (d *description) write(w io.Writer) error {
	fmt.Fprintln(w, d.title)
	if err := writeFields(w, d.rows); err != nil {
		return err
	}
	if d.closes != "" {
		fmt.Fprintln(w, d.closes)
	}
	return nil
}

// inspect decodes a token of either kind.
func inspect(text string, now time.Time) (*description, error) {
	text = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "Bearer "))
	if strings.HasPrefix(text, session.TokenPrefix) {
		return inspectRefresh(text, now)
	}
	return inspectAccess(text, now)
}

var errNoToken = mend(errors.New("this is neither an access token nor a refresh token"),
	"an access token has three parts with dots between them, a refresh token begins with %s", session.TokenPrefix)

func inspectRefresh(text string, now time.Time) (*description, error) {
	token, keyID, err := session.Peek(text)
	if err != nil {
		return nil, mend(errors.New("this begins like a refresh token, but is not one: it is cut, or a character was changed"),
			"copy all of it: %s and 56 characters more", session.TokenPrefix)
	}
	id := token.SessionID().String()
	d := &description{
		title: "Refresh token. Whether it is genuine was not checked.",
		fields: map[string]any{
			"kind": "refresh", "session": id, "generation": token.Generation, "key": keyID,
			"issued_at": token.IssuedAt,
		},
		closes: fmt.Sprintf("Its session says when it expires, and whether it is the current one: watchword session explain %s", id),
	}
	d.row("session", id)
	d.row("generation", fmt.Sprintf("%d (%s)", token.Generation, replacedOften(uint64(token.Generation))))
	d.row("issued", fmt.Sprintf("%s, %s", stamp(token.IssuedAt), relative(token.IssuedAt, now)))
	d.row("sealed with", fmt.Sprintf("refresh token key %d", keyID))
	return d, nil
}

func replacedOften(generation uint64) string {
	if generation == 1 {
		return "as given at sign-in"
	}
	return "replaced " + times(generation-1)
}

func inspectAccess(text string, now time.Time) (*description, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, errNoToken
	}
	header, err := decodePart(parts[0])
	if err != nil {
		return nil, errNoToken
	}
	claims, err := decodePart(parts[1])
	if err != nil {
		return nil, errNoToken
	}
	d := &description{
		title:  "Access token. Its signature was not checked.",
		fields: map[string]any{"kind": "access", "header": header, "claims": claims},
	}
	told := make(map[string]bool)
	for _, row := range []struct {
		name, claim string
		from        map[string]any
	}{
		{"type", "typ", header}, {"algorithm", "alg", header}, {"key", "kid", header},
		{"issuer", "iss", claims}, {"audience", "aud", claims}, {"client", "client_id", claims},
		{"user", "sub", claims}, {"username", "preferred_username", claims}, {"email", "email", claims},
		{"roles", "roles", claims}, {"epoch", "epoch", claims}, {"session", "sid", claims},
		{"signed in", "auth_time", claims}, {"issued", "iat", claims}, {"expires", "exp", claims}, {"token id", "jti", claims},
	} {
		value, ok := row.from[row.claim]
		if !ok {
			continue
		}
		told[row.claim] = true
		d.row(row.name, claimText(row.claim, value, now))
	}
	for _, name := range sortedNames(header, claims) {
		if !told[name] {
			value, inClaims := claims[name]
			if !inClaims {
				value = header[name]
			}
			d.row(name, claimText(name, value, now))
		}
	}
	switch expiry, ok := moment(claims["exp"]); {
	case !ok:
		d.closes = "It does not say when it expires: no API should accept it."
	case now.Before(expiry):
		d.fields["expired"], d.fields["expires_in"] = false, int(expiry.Sub(now).Seconds())
		d.closes = fmt.Sprintf("It expires in %s.", span(expiry.Sub(now)))
	default:
		d.fields["expired"], d.fields["expires_in"] = true, 0
		d.closes = fmt.Sprintf("It expired %s ago.", span(now.Sub(expiry)))
	}
	return d, nil
}
