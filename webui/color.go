package webui

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// color is one of sRGB, each part from 0 to 1.
type color [3]float64

// The backgrounds that colours have to be read on: --surface and --ground of
// style.css in light and dark, whichever of the two leaves less contrast.
var (
	lightGround = mustColor("#f5f5f3")
	darkGround  = mustColor("#1a1d20")
	white       = color{1, 1, 1}
	black       = color{}
	ink         = mustColor("#14171a")
)

// What WCAG 2.2 asks for: text (1.4.3), and what shows where a control is (1.4.11).
const (
	legible = 4.5
	visible = 3.0
)

// parseColor reads #rrggbb or #rgb.
func parseColor(text string) (color, error) {
	malformed := errors.New("the brand's colour is written as #rrggbb, such as #24566b")
	digits, found := strings.CutPrefix(text, "#")
	if len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	if !found || len(digits) != 6 {
		return color{}, malformed
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	if err != nil {
		return color{}, malformed
	}
	return color{float64(n>>16) / 255, float64(n>>8&0xff) / 255, float64(n&0xff) / 255}, nil
}

func mustColor(text string) color {
	c, err := parseColor(text)
	if err != nil {
		panic(err)
	}
	return c
}

// String writes #rrggbb.
func (c color) String() string {
	part := func(i int) int { return int(math.Round(c[i] * 255)) }
	return fmt.Sprintf("#%02x%02x%02x", part(0), part(1), part(2))
}

// luminance is the relative luminance of WCAG 2.2.
func (c color) luminance() float64 {
	var linear [3]float64
	for i, v := range c {
		linear[i] = v / 12.92
		if v > 0.04045 {
			linear[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*linear[0] + 0.7152*linear[1] + 0.0722*linear[2]
}

// contrast is the contrast ratio of WCAG 2.2, from 1 to 21.
func contrast(a, b color) float64 {
	la, lb := a.luminance(), b.luminance()
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// mix is the colour that lies between two, share of the way to the second, as it
// is written: what is asked of it is asked of what browsers show.
func mix(a, b color, share float64) color {
	var c color
	for i := range c {
		c[i] = a[i] + (b[i]-a[i])*share
	}
	return mustColor(c.String())
}

// on is the colour of text on another: white, or if that cannot be read, ink. On
// the few colours where ink cannot be read either, black can.
func (c color) on() color {
	switch {
	case contrast(c, white) >= legible:
		return white
	case contrast(c, ink) >= legible:
		return ink
	}
	return black
}

// against is the colour, moved away from a background as little as gives it a contrast.
func (c color) against(ground color, wanted float64) color {
	away := white
	if ground.luminance() > 0.5 {
		away = black
	}
	for share := 0.0; share < 1; share += 0.02 {
		if moved := mix(c, away, share); contrast(moved, ground) >= wanted {
			return moved
		}
	}
	return away
}

// stylesheet gives the brand's colour to style.css, for light and dark:
// --accent for buttons, --on-accent for the text on it, --accent-hover under the
// pointer, --accent-text for links and --accent-edge for borders and the focus.
func (t theme) stylesheet() []byte {
	scheme := func(button, ground color) string {
		text, away := button.on(), black
		if text != white {
			away = white
		}
		return fmt.Sprintf("  --accent: %s;\n  --on-accent: %s;\n  --accent-hover: %s;\n  --accent-text: %s;\n  --accent-edge: %s;\n",
			button, text, mix(button, away, 0.14), t.color.against(ground, legible), t.color.against(ground, visible))
	}
	return []byte(":root {\n" + scheme(t.color, lightGround) + "}\n" +
		"@media (prefers-color-scheme: dark) {\n:root {\n" + scheme(t.color.against(darkGround, visible), darkGround) + "}\n}\n")
}
