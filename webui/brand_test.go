package webui

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

func TestWhateverTheColourItCanBeRead(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	chosen := []string{"#000000", "#ffffff", "#fff", "#777777", "#757575", "#ffd400", "#ff0000", "#00ff00", "#0000ff", "#f5f5f3", "#1a1d20", "#14171a", defaultColor}
	for range 5000 {
		chosen = append(chosen, fmt.Sprintf("#%06x", random.IntN(1<<24)))
	}
	value := regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`)
	for _, text := range chosen {
		look, err := Brand{Color: text}.theme()
		if err != nil {
			t.Fatal(err)
		}
		light, dark, found := strings.Cut(string(look.stylesheet()), "@media (prefers-color-scheme: dark)")
		if !found {
			t.Fatal("no dark scheme")
		}
		for ground, sheet := range map[color]string{lightGround: light, darkGround: dark} {
			c := map[string]color{}
			for _, match := range value.FindAllStringSubmatch(sheet, -1) {
				c[match[1]] = mustColor(match[2])
			}
			for _, row := range []struct {
				what   string
				a, b   color
				wanted float64
			}{
				{"text on a button", c["on-accent"], c["accent"], legible},
				{"text on a button under the pointer", c["on-accent"], c["accent-hover"], legible},
				{"a link", c["accent-text"], ground, legible},
				{"the edge of a button, and the focus", c["accent-edge"], ground, visible},
			} {
				if got := contrast(row.a, row.b); got < row.wanted {
					t.Fatalf("%s, %s on %s: %s has a contrast of %.2f with %s", text, sheet, ground, row.what, got, row.b)
				}
			}
		}
	}
}

func TestContrastIsThatOfWCAG(t *testing.T) {
	t.Parallel()
	for pair, want := range map[[2]string]float64{
		{"#000000", "#ffffff"}: 21, {"#ffffff", "#ffffff"}: 1, {"#777777", "#ffffff"}: 4.48, {"#0000ff", "#ffffff"}: 8.59, {"#ff0000", "#ffffff"}: 4.00,
	} {
		if got := contrast(mustColor(pair[0]), mustColor(pair[1])); got < want-0.01 || got > want+0.01 {
			t.Errorf("%v: %.3f, want %.2f", pair, got, want)
		}
	}
}

// color.go repeats two colours of the stylesheet, to compute with.
func TestTheGroundsAreThoseOfTheStylesheet(t *testing.T) {
	t.Parallel()
	sheet, err := files.ReadFile("assets/style.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, _ := bytes.Cut(sheet, []byte("prefers-color-scheme: dark"))
	for _, row := range []struct {
		sheet []byte
		mine  color
	}{{light, lightGround}, {dark, darkGround}} {
		for _, name := range []string{"ground", "surface", "raised", "sunken"} {
			match := regexp.MustCompile(`--` + name + `: (#[0-9a-f]{6});`).FindSubmatch(row.sheet)
			if match == nil {
				t.Fatalf("no --%s", name)
			}
			// Links and the focus are on the ground and on surfaces. The one that is
			// computed with leaves the least contrast of the two.
			away := white
			if row.mine.luminance() > 0.5 {
				away = black
			}
			if other := mustColor(string(match[1])); (name == "ground" || name == "surface") && contrast(away, other) < contrast(away, row.mine) {
				t.Errorf("--%s %s leaves less contrast than %s", name, other, row.mine)
			}
		}
	}
}

func TestABrandThatCannotBeUsedIsRefused(t *testing.T) {
	t.Parallel()
	for name, brand := range map[string]Brand{
		"a colour's name":          {Color: "red"},
		"a colour with a style":    {Color: "#fff;}*{display:none"},
		"too short a colour":       {Color: "#ffff"},
		"no hexadecimal":           {Color: "#gggggg"},
		"a sign":                   {Color: "#+fffff"},
		"a long name":              {Name: strings.Repeat("a", maxName+1)},
		"a line feed":              {Name: "Acme\nInc"},
		"a text that turns around": {Name: "Acme\u202eInc"},
		"no UTF-8":                 {Name: "Acme\xff"},
		"no picture":               {Logo: []byte("%PDF-1.7")},
		"a page":                   {Logo: []byte("<!doctype html><html><svg/></html>")},
		"a large picture":          {Logo: append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, maxLogo)...)},
	} {
		if err := brand.Check(); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	for name, brand := range map[string]Brand{
		"nothing":         {},
		"another script":  {Name: "株式会社例"},
		"markup as name":  {Name: "<b>Acme</b> & Sons"}, // shown as it is
		"an SVG":          {Logo: []byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`)},
		"three digits":    {Color: "#0AF"},
		"a PNG":           {Logo: []byte("\x89PNG\r\n\x1a\n")},
		"white, on white": {Color: "#ffffff"},
	} {
		if err := brand.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
