package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// target is what the bodies of these tests are read into.
type target struct {
	Name string
	List []string
	Yes  bool
}

func (t *target) fields() fields {
	return fields{"name": &t.Name, "list": &t.List, "yes": &t.Yes}
}

const form = "application/x-www-form-urlencoded"

func decodeText(contentType, body string) (target, error) {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	var got target
	err := decode(httptest.NewRecorder(), r, jsonOrForm, got.fields())
	return got, err
}

func TestBodiesThatAreRead(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		contentType, body string
		want              target
	}{
		"all fields":                 {"application/json", `{"name":"ada","list":["a","b"],"yes":true}`, target{"ada", []string{"a", "b"}, true}},
		"spaces around":              {"application/json", " {\n\"name\" : \"ada\" }\n ", target{Name: "ada"}},
		"with a charset":             {"application/json; charset=UTF-8", `{"name":"ada"}`, target{Name: "ada"}},
		"null is absent":             {"application/json", `{"name":null,"list":null,"yes":null}`, target{}},
		"no fields":                  {"application/json", `{}`, target{}},
		"an empty body":              {"application/json", ``, target{}},
		"an empty body of no type":   {"", ``, target{}},
		"an empty body of some type": {"text/plain", ``, target{}},
		"escapes":                    {"application/json", `{"n\u0061me":"\u00e9"}`, target{Name: "é"}},
		"a form":                     {form, `name=ada+l&list=a&list=b&yes=true`, target{"ada l", []string{"a", "b"}, true}},
		"a form of one":              {form + "; charset=utf-8", `list=a`, target{List: []string{"a"}}},
		"an empty value in a form":   {form, `name=`, target{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeText(test.contentType, test.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBodiesThatAreRefused(t *testing.T) {
	t.Parallel()
	const js = "application/json"
	tests := map[string]struct {
		contentType, body string
		code              Code
		field             string
	}{
		"not JSON":                   {js, `name=ada`, CodeBodyInvalid, ""},
		"half an object":             {js, `{"name":"ada"`, CodeBodyInvalid, ""},
		"an array":                   {js, `[]`, CodeBodyInvalid, ""},
		"a string":                   {js, `"ada"`, CodeBodyInvalid, ""},
		"null":                       {js, `null`, CodeBodyInvalid, ""},
		"two objects":                {js, `{}{}`, CodeBodyInvalid, ""},
		"something after the object": {js, `{"name":"ada"} x`, CodeBodyInvalid, ""},
		"a comma too many":           {js, `{"name":"ada",}`, CodeBodyInvalid, ""},
		"a byte order mark":          {js, "\ufeff{}", CodeBodyInvalid, ""},
		"invalid UTF-8":              {js, "{\"name\":\"\xff\"}", CodeBodyInvalid, ""},
		"deep nesting":               {js, `{"name":` + strings.Repeat("[", 20_000), CodeBodyInvalid, ""},
		"a number for a string":      {js, `{"name":1}`, CodeFieldInvalid, "name"},
		"an object for a string":     {js, `{"name":{"a":1}}`, CodeFieldInvalid, "name"},
		"a string for a list":        {js, `{"list":"a"}`, CodeFieldInvalid, "list"},
		"a number in a list":         {js, `{"list":["a",1]}`, CodeFieldInvalid, "list"},
		"a string for a truth":       {js, `{"yes":"true"}`, CodeFieldInvalid, "yes"},
		"an unknown name":            {js, `{"nickname":"ada"}`, CodeFieldInvalid, "nickname"},
		"a name in another case":     {js, `{"Name":"ada"}`, CodeFieldInvalid, "Name"},
		"a name twice":               {js, `{"name":"ada","name":"eve"}`, CodeFieldInvalid, "name"},
		"a name twice, escaped":      {js, `{"name":"ada","n\u0061me":"eve"}`, CodeFieldInvalid, "name"},
		"a name twice, once null":    {js, `{"name":"ada","name":null}`, CodeFieldInvalid, "name"},
		"too large":                  {js, `{"name":"` + strings.Repeat("a", maxBody) + `"}`, CodeBodyTooLarge, ""},
		"too large a form":           {form, `name=` + strings.Repeat("a", maxBody), CodeBodyTooLarge, ""},
		"no media type":              {"", `{}`, CodeMediaType, ""},
		"another media type":         {"text/plain", `{}`, CodeMediaType, ""},
		"a broken media type":        {"application/json; charset", `{}`, CodeMediaType, ""},
		"another charset":            {js + "; charset=latin1", `{}`, CodeMediaType, ""},
		"multipart":                  {"multipart/form-data; boundary=x", `--x--`, CodeMediaType, ""},
		"a form's name twice":        {form, `name=ada&name=eve`, CodeFieldInvalid, "name"},
		"a form's unknown name":      {form, `nickname=ada`, CodeFieldInvalid, "nickname"},
		"a form's broken escape":     {form, `name=%zz`, CodeBodyInvalid, ""},
		"a form's invalid UTF-8":     {form, `name=%ff`, CodeFieldInvalid, "name"},
		"a form's broken truth":      {form, `yes=1`, CodeFieldInvalid, "yes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := decodeText(test.contentType, test.body)
			if err == nil {
				t.Fatal("it was read")
			}
			p := problemOf(err)
			if p.Code != test.code || p.Field != test.field {
				t.Errorf("got code %s, field %q (%s); want %s, %q", p.Code, p.Field, p.Detail, test.code, test.field)
			}
		})
	}
}

func TestCompressedBodiesAreRefused(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("x"))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Encoding", "gzip")
	if p := problemOf(decode(httptest.NewRecorder(), r, jsonOnly, fields{})); p.Code != CodeMediaType {
		t.Errorf("got %s", p.Code)
	}
}

func TestFormsAreRefusedWhereJSONIsWanted(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("name=ada"))
	r.Header.Set("Content-Type", form)
	var got target
	if p := problemOf(decode(httptest.NewRecorder(), r, jsonOnly, got.fields())); p.Code != CodeMediaType {
		t.Errorf("got %s", p.Code)
	}
}

// A JSON body that curl sends as a form is one long name with a password in it.
func TestAnErrorDoesNotRepeatWhatIsNoName(t *testing.T) {
	t.Parallel()
	_, err := decodeText(form, `{"name":"ada","password":"correct horse"}`)
	if p := problemOf(err); p.Code != CodeFieldInvalid || strings.Contains(p.Detail, "horse") {
		t.Errorf("got %s: %s", p.Code, p.Detail)
	}
}

// FuzzDecode holds that a body is read or refused with a problem of the client's,
// and that reading it again gives the same.
func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		`{"name":"ada","list":["a"],"yes":true}`, `{"name":"ada","name":"eve"}`, `{"Name":1}`, `{}{}`, `[`, `{"list":[null]}`,
		`name=ada&list=a&list=b`, `name=%ff`, "\xff", `{"\ud800":""}`, `{"name":"\ud800"}`, `{"name":1e999}`, ``,
	} {
		f.Add(body, true)
		f.Add(body, false)
	}
	f.Fuzz(func(t *testing.T, body string, asForm bool) {
		contentType := "application/json"
		if asForm {
			contentType = form
		}
		got, err := decodeText(contentType, body)
		if err != nil {
			if p := problemOf(err); p.Status < 400 || p.Status > 499 {
				t.Errorf("status %d for %q", p.Status, body)
			}
			return
		}
		again, err := decodeText(contentType, body)
		if err != nil {
			t.Fatalf("read once, then refused: %v", err)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Error(diff)
		}
	})
}

// What is read in the short way is what is read in the long one.
func FuzzPlainBodies(f *testing.F) {
	for _, body := range []string{
		`{"name":"ada"}`, ` { "name" : "ada" , "other" : "" } `, `{"name":"a","name":"b"}`, `{"name":"a","Name":"b"}`, `{"name":"\u0061"}`,
		`{"name":"ä"}`, "{\"name\":\"\x7f\"}", `{"name":null}`, `{"name":"a"}}`, `{"name":"a",}`, `{"name":"a"} x`, `{}`, `{"name"`, `{"yes":"true"}`, "\v{\"name\":\"a\"}",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		type texts struct{ name, other string }
		var short, long texts
		if !decodePlain(body, fields{"name": &short.name, "other": &short.other, "yes": new(bool)}) {
			return
		}
		if err := decodeJSON([]byte(body), fields{"name": &long.name, "other": &long.other, "yes": new(bool)}); err != nil || short != long {
			t.Errorf("%q: %+v in the short way; in the long one %+v, %v", body, short, long, err)
		}
	})
}

func TestTheUsualBodyIsPlain(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"refreshToken":"wwr_AXaR91DBNw5C"}`:        true,
		" {\n\t\"refreshToken\" : \"wwr_x\" }\r\n ":  true,
		`{"refreshToken":"wwr_x","refreshToken":""}`: false,
		`{"refreshToken":"wwr_\u0041"}`:              false,
		`{"refreshtoken":"wwr_x"}`:                   false,
		`{"refreshToken":null}`:                      false,
		`{}`:                                         false,
	} {
		var token string
		if got := decodePlain(body, fields{"refreshToken": &token}); got != want {
			t.Errorf("%s is plain: %v", body, got)
		}
	}
}
