package webui

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxForm bounds what is read of a form.
const maxForm = 64 << 10

// own lets a form through that was sent by a page of ours.
//
// http.CrossOriginProtection asks Sec-Fetch-Site and Origin, one of which every
// browser sends with a POST since 2020. What has neither is refused: it might be
// another site's form in an older browser, which would sign its visitor in as somebody else.
func (u *UI) own(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if u.guard.Check(r) != nil || r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
			u.show(w, r, http.StatusForbidden, page{Name: "refused", Title: "refused.title", Narrow: true})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			u.show(w, r, http.StatusBadRequest, page{Name: "refused", Title: "refused.title", Narrow: true})
			return
		}
		next(w, r)
	}
}

// verdict is what the API said to a form.
type verdict struct {
	status  int
	Code    string `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field"`
	wait    int    // seconds, from Retry-After
}

func (v verdict) ok() bool { return v.status < 300 }

// ask hands the fields of a form to the API, as if the browser had sent them there:
// with its address, its cookies and what tells whose page it was. The cookies that
// the API sets go into our answer.
func (u *UI) ask(w http.ResponseWriter, r *http.Request, path string, fields url.Values) verdict {
	body := fields.Encode()
	inner := r.Clone(context.WithoutCancel(r.Context())) // the API bounds the time itself
	inner.Method, inner.URL, inner.RequestURI, inner.Pattern = http.MethodPost, &url.URL{Path: path}, path, ""
	inner.Form, inner.PostForm, inner.MultipartForm = nil, nil, nil
	inner.Body, inner.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	inner.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	inner.Header.Del("Accept-Encoding")

	answer := &answer{header: http.Header{}}
	u.API.ServeHTTP(answer, inner)
	for _, cookie := range answer.header.Values("Set-Cookie") {
		w.Header().Add("Set-Cookie", cookie)
	}
	v := verdict{status: answer.status}
	if !v.ok() {
		if err := json.Unmarshal(answer.body.Bytes(), &v); err != nil {
			v.Code = "internal"
		}
		v.wait, _ = strconv.Atoi(answer.header.Get("Retry-After"))
	}
	return v
}

// answer is an http.ResponseWriter that keeps what was written.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(body []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(body)
}

// complaint is what a form shows after it was refused: at one of its fields, or
// above them all.
type complaint struct {
	Field, Text string
}

// At is the complaint about a field, or "". Templates ask it.
func (c complaint) At(field string) string {
	if c.Field == field {
		return c.Text
	}
	return ""
}

// complaint puts a verdict into words. Fields are those that the form has.
func (u *UI) complaint(v verdict, fields ...string) complaint {
	text, ok := u.texts["problem."+v.Code]
	if !ok {
		text = v.Message
	}
	if text == "" {
		text = u.texts["problem.internal"]
	}
	if v.wait > 0 && v.Code == "throttled" {
		text = strings.ReplaceAll(u.texts["problem.throttled_for"], "{wait}", u.wait(v.wait))
	}
	c := complaint{Text: text}
	for _, field := range fields {
		if v.Field == field {
			c.Field = field
		}
	}
	return c
}

// wait writes how long to wait: seconds up to two minutes, then minutes.
func (u *UI) wait(seconds int) string {
	switch {
	case seconds == 1:
		return u.texts["wait.second"]
	case seconds < 120:
		return strings.ReplaceAll(u.texts["wait.seconds"], "{n}", strconv.Itoa(seconds))
	}
	return strings.ReplaceAll(u.texts["wait.minutes"], "{n}", strconv.Itoa((seconds+59)/60))
}
