package httpapi

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/uuid"
	"github.com/watchwordauth/watchword/session"
)

// parameters reads the query of a list. The first thing wrong stays in err; a
// name that is not asked for is wrong too, lest a filter that was misspelt lists
// everything.
type parameters struct {
	query url.Values
	err   error
}

// pageSize is how many entries a list has unless it is asked for more, up to maxPage.
const (
	pageSize = 50
	maxPage  = 1000
)

func readParameters(r *http.Request, known ...string) *parameters {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &parameters{query: url.Values{}, err: problem(CodeParameterInvalid, "The query cannot be read.")}
	}
	p := &parameters{query: query}
	allowed := make(map[string]bool, len(known))
	for _, name := range known {
		allowed[name] = true
	}
	for name, values := range query {
		switch {
		case !allowed[name]:
			p.err = problem(CodeParameterInvalid, "There is a parameter that is not known here. Known are: %v.", known)
		case len(values) > 1:
			p.fail(name, "given once")
		}
	}
	return p
}

func (p *parameters) fail(name, wanted string) {
	if p.err == nil {
		p.err = problem(CodeParameterInvalid, "%q must be %s.", name, wanted).at(name)
	}
}

func (p *parameters) text(name string) string { return p.query.Get(name) }

// word is what is compared with words of ours, and may be written down.
func (p *parameters) word(name string) string {
	text := p.query.Get(name)
	if len(text) > 64 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz._") != "" {
		p.fail(name, "a word such as user.blocked")
		return ""
	}
	return text
}

func (p *parameters) limit() int {
	text := p.query.Get("limit")
	if text == "" {
		return pageSize
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxPage {
		p.fail("limit", "a number from 1 to "+strconv.Itoa(maxPage))
		return pageSize
	}
	return n
}

// boolean returns nil if the parameter is absent.
func (p *parameters) boolean(name string) *bool {
	switch p.query.Get(name) {
	case "":
		return nil
	case "true":
		return new(true)
	case "false":
		return new(false)
	}
	p.fail(name, "true or false")
	return nil
}

func (p *parameters) id(name string) uuid.UUID {
	text := p.query.Get(name)
	if text == "" {
		return uuid.UUID{}
	}
	id, err := uuid.Parse(text)
	if err != nil {
		p.fail(name, "an id as this API writes it")
	}
	return id
}

func (p *parameters) sessionID(name string) string {
	text := p.query.Get(name)
	if text == "" {
		return ""
	}
	id, err := session.ParseID(text)
	if err != nil {
		p.fail(name, "a session's id")
	}
	return id.String()
}

func (p *parameters) time(name string) time.Time {
	text := p.query.Get(name)
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		p.fail(name, "a time in RFC 3339, for example 2026-11-21T08:00:00Z")
	}
	return at.UTC()
}

// pathUser reads the user that the path names. What is no id names none.
func pathUser(r *http.Request) (account.ID, error) {
	id, err := account.ParseID(r.PathValue("id"))
	if err != nil {
		return account.ID{}, account.ErrNotFound
	}
	return id, nil
}
