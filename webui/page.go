package webui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
)

// templates are the pages, one file each, and layout.html around them all.
//
//go:embed *.html
var templates embed.FS

// page is one answer to be shown.
type page struct {
	Name   string // the template: "signin" is signin.html
	Title  string // the key of its title's text
	Script string // the asset that runs in it; "": none
	Style  string // the stylesheet beside the one of all pages; "": none
	Narrow bool   // a card in the middle, instead of a page with a header
	Data   any    // what its template needs

	leadsTo string // another origin that its form may lead to
}

// pages are the templates by their names, each with the layout around it.
type pages map[string]*template.Template

// parsePages reads all templates.
//
// Beside what html/template has they may call: t KEY [NAME VALUE]… for a text; link
// PATH for an address of this server; asset FILE for one of an asset; field NAME
// LABEL KIND AUTOCOMPLETE VALUE WRONG [HINT] for what the template "field" shows.
func (u *UI) parsePages() (pages, error) {
	functions := template.FuncMap{
		"t":     u.texts.fill,
		"lang":  func() string { return u.texts["lang"] },
		"base":  func() string { return u.base },
		"link":  func(path string) string { return u.base + path },
		"asset": func(name string) string { return u.base + u.assets.path(name) },
		"brand": func() theme { return u.theme },
		"field": newField, "complaint": func() complaint { return complaint{} },
	}
	layout, err := template.New("layout.html").Funcs(functions).ParseFS(templates, "layout.html")
	if err != nil {
		return nil, err
	}
	files, err := fs.Glob(templates, "*.html")
	if err != nil {
		return nil, err
	}
	all := pages{}
	for _, file := range files {
		if file == "layout.html" {
			continue
		}
		around, err := layout.Clone()
		if err != nil {
			return nil, err
		}
		if _, err := around.ParseFS(templates, file); err != nil {
			return nil, err
		}
		all[strings.TrimSuffix(file, ".html")] = around
	}
	return all, nil
}

// show answers with a page.
func (u *UI) show(w http.ResponseWriter, r *http.Request, status int, p page) {
	var body bytes.Buffer
	if err := u.pages[p.Name].Execute(&body, p); err != nil {
		panic(fmt.Sprintf("webui: page %s: %v", p.Name, err)) // the tests show every page
	}
	u.headers(w, p.leadsTo)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body.Bytes()) // whoever is gone needs no answer
	}
}

// policy is the Content-Security-Policy of every page: nothing but what this
// server serves, no inline script, no inline style, no frame around it, and no text
// that a script could turn into markup.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'; form-action 'self'"

// headers are those of every page and of every redirect from one. A form may
// lead to one more origin: browsers hold the redirect that follows a form
// against the policy, too.
func (u *UI) headers(w http.ResponseWriter, leadsTo string) {
	h := w.Header()
	h.Set("Content-Security-Policy", strings.TrimSpace(policy+" "+leadsTo))
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	// Not no-referrer, with which browsers send "Origin: null" from a form: older
	// ones tell us by nothing else that it is our own.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// field is one field of a form, as the template "field" shows it.
type field struct {
	Name, Label, Kind, Autocomplete, Value, Wrong, Hint string
}

func newField(name, label, kind, autocomplete, value, wrong string, hint ...string) field {
	return field{name, label, kind, autocomplete, value, wrong, strings.Join(hint, "")}
}
