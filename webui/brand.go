package webui

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Brand is what an operator puts in the place of ours. The zero value is Watchword's.
type Brand struct {
	Name  string // at most 60 characters
	Logo  []byte // a picture: SVG, PNG, JPEG or WebP, at most 256 KiB
	Color string // of buttons: #rrggbb. Text on it, and links, get a colour that can be read
}

const (
	defaultName  = "Watchword"
	defaultColor = "#24566b"

	maxName = 60
	maxLogo = 256 << 10
)

// theme is a brand that was checked, as templates use it.
type theme struct {
	Name string
	Logo string // the asset; "": ours

	logo  []byte
	color color
}

// Check reports what cannot be used, in words for the operator.
func (b Brand) Check() error {
	_, err := b.theme()
	return err
}

// theme checks the brand.
func (b Brand) theme() (theme, error) {
	t := theme{Name: strings.TrimSpace(b.Name), logo: b.Logo}
	if t.Name == "" {
		t.Name = defaultName
	}
	if utf8.RuneCountInString(t.Name) > maxName || !utf8.ValidString(t.Name) || strings.ContainsFunc(t.Name, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return theme{}, fmt.Errorf("the brand's name has at most %d characters, all of which can be printed", maxName)
	}
	if len(b.Logo) > 0 {
		kind, err := picture(b.Logo)
		if err != nil {
			return theme{}, err
		}
		t.Logo = "logo" + kind
	}
	chosen := b.Color
	if chosen == "" {
		chosen = defaultColor
	}
	var err error
	t.color, err = parseColor(chosen)
	return t, err
}

// drawn reports whether a file is an SVG: XML whose first element is one.
func drawn(body []byte) bool {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	for {
		token, err := decoder.Token()
		if err != nil {
			return false
		}
		if first, ok := token.(xml.StartElement); ok {
			return first.Name.Local == "svg"
		}
	}
}

// picture is the file extension of a picture that browsers can show.
func picture(body []byte) (string, error) {
	if len(body) > maxLogo {
		return "", fmt.Errorf("the brand's logo has more than %d KiB", maxLogo>>10)
	}
	switch http.DetectContentType(body) {
	case "image/png":
		return ".png", nil
	case "image/jpeg":
		return ".jpg", nil
	case "image/webp":
		return ".webp", nil
	}
	if drawn(body) {
		return ".svg", nil
	}
	return "", errors.New("the brand's logo is not an SVG, PNG, JPEG or WebP picture")
}
