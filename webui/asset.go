package webui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

// files are the stylesheet, the scripts and the pictures.
//
//go:embed assets
var files embed.FS

// asset is one of them, ready to be sent.
type asset struct {
	kind       string
	body       []byte
	compressed []byte // nil if that saves nothing
}

// assets are all of them. Their addresses hold a digest of the whole, so that browsers
// keep them for ever, and a new release is seen at once:
//
//	/assets/5f1c…/signin.js, which imports ./client.js
type assets struct {
	version string
	byName  map[string]asset
}

// packAssets adds to the files what is made from the settings: texts.js,
// admin-texts.js, brand.css and the logo.
func packAssets(t texts, look theme) (*assets, error) {
	bodies := map[string][]byte{
		"texts.js": t.script(false), "admin-texts.js": t.script(true), "brand.css": look.stylesheet(),
	}
	if look.Logo != "" {
		bodies[look.Logo] = look.logo
	}
	entries, err := fs.ReadDir(files, "assets")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if bodies[entry.Name()], err = files.ReadFile("assets/" + entry.Name()); err != nil {
			return nil, err
		}
	}
	writer, err := gzip.NewWriterLevel(io.Discard, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	digest := sha256.New()
	packed := &assets{byName: make(map[string]asset, len(bodies))}
	for _, name := range slices.Sorted(maps.Keys(bodies)) {
		fmt.Fprintf(digest, "%s %d\n", name, len(bodies[name]))
		digest.Write(bodies[name])
		if packed.byName[name], err = pack(name, bodies[name], writer); err != nil {
			return nil, err
		}
	}
	packed.version = hex.EncodeToString(digest.Sum(nil)[:8])
	return packed, nil
}

// kinds are the media types of the files, which must not depend on the machine's own table.
var kinds = map[string]string{
	".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp", ".jpg": "image/jpeg",
}

// pack compresses one of them. The writer is used again and again: each has a megabyte.
func pack(name string, body []byte, writer *gzip.Writer) (asset, error) {
	a := asset{kind: kinds[path.Ext(name)], body: body}
	if a.kind == "" {
		return asset{}, fmt.Errorf("asset %s: its media type is not known", name)
	}
	var squeezed bytes.Buffer
	writer.Reset(&squeezed)
	if _, err := writer.Write(body); err != nil {
		return asset{}, err
	}
	if err := writer.Close(); err != nil {
		return asset{}, err
	}
	if squeezed.Len() < len(body)*9/10 {
		a.compressed = squeezed.Bytes()
	}
	return a, nil
}

// path is the address of an asset, without the base.
func (s *assets) path(name string) string { return "/assets/" + s.version + "/" + name }

// serve answers GET /assets/{version}/{name}. Any version will do, lest a page of
// another node that is newer or older has no script; but only the right one is kept.
func (s *assets) serve(w http.ResponseWriter, r *http.Request) {
	a, ok := s.byName[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	if r.PathValue("version") == s.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("Content-Type", a.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	// For who opens a logo by itself: an SVG can hold scripts.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox")
	body := a.body
	if a.compressed != nil {
		h.Set("Vary", "Accept-Encoding")
		if accepts(r, "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = a.compressed
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// accepts reports whether the client takes an encoding (RFC 9110 section 12.5.3).
func accepts(r *http.Request, encoding string) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, parameters, err := mime.ParseMediaType(part)
		if err == nil && name == encoding {
			q, err := strconv.ParseFloat(parameters["q"], 64)
			return err != nil || q > 0
		}
	}
	return false
}
