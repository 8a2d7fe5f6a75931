package sqlstore

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// What a browser calls itself is a hundred bytes and more, in every session's row,
// and consists of a few phrases and a few numbers. Where rows should be short a
// phrase is one byte, and an address is what it stands for:
//
//	Mozilla/5.0 (Windows NT 10.0; …) … Chrome/126.0.0.0 Safari/537.36 → 0x80 1 2 6 0x81
//	203.0.113.77                                                      → 0xfe 203 0 113 77
//
// Every text comes back byte by byte. ASCII that holds no phrase, and so what was
// written before there were any, stands for itself.
const (
	firstPhrase = 0x80 // and so on: see phrases
	asIPv6      = 0xfd // then 16 bytes
	asIPv4      = 0xfe // then four
	asItIs      = 0xff // then the text, which is not ASCII
)

// phrases are what the bytes from firstPhrase on stand for. Rows hold these bytes:
// a phrase is never changed, moved or removed. New ones come at the end, and only with
// a version that no older one shares a database with.
var phrases = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/",
	".0.0.0 Safari/537.36",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/",
	"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/",
	"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/",
	".0.0.0 Mobile Safari/537.36",
	"Mozilla/5.0 (Linux; Android ",
	") AppleWebKit/537.36 (KHTML, like Gecko) Chrome/",
	"Mozilla/5.0 (iPhone; CPU iPhone OS ",
	"Mozilla/5.0 (iPad; CPU OS ",
	" like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/",
	" like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/",
	" like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) ",
	" Mobile/15E148 Safari/604.1",
	" Mobile/15E148",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/",
	" Safari/605.1.15",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:",
	"Mozilla/5.0 (X11; Linux x86_64; rv:",
	"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:",
	"Mozilla/5.0 (Android ",
	"; Mobile; rv:",
	".0) Gecko/20100101 Firefox/",
	".0) Gecko/",
	".0 Firefox/",
	" Edg/",
	" OPR/",
	"FxiOS/",
	"EdgiOS/",
	" SamsungBrowser/",
	" EdgA/",
	" YaBrowser/",
	" Vivaldi/",
	"; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/",
	" Build/",
	"Mozilla/5.0 (X11; CrOS x86_64 ",
	"Mozilla/5.0 (Windows NT 6.1; Win64; x64",
	"Mozilla/5.0 (Windows NT 10.0; ",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X ",
	"Mozilla/5.0 (X11; ",
	"Mozilla/5.0 (",
	" Safari/537.36",
	" Mobile Safari/537.36",
	" Safari/604.1",
	"AppleWebKit/537.36 (KHTML, like Gecko)",
	"AppleWebKit/605.1.15 (KHTML, like Gecko)",
	"Linux x86_64",
	" CFNetwork/",
	" Darwin/",
	"Dalvik/2.1.0 (Linux; U; Android ",
	"okhttp/",
	"Dart/3.",
	" (dart:io)",
	"axios/",
	"node-fetch",
	"python-requests/",
	"curl/",
	"Go-http-client/",
	"PostmanRuntime/",
	" Electron/",
	"[FBAN/FBIOS;FBAV/",
	" Instagram ",
	" Chrome/",
	" Version/",
	" Mobile/",
	".0.0.0",
	".0.0",
	"; SM-",
	"; Pixel ",
	"; rv:",
	"(compatible; ",
	"HeadlessChrome/",
}

// phrasesByFirst are the numbers of the phrases that begin with a byte, the longest
// phrase first.
var phrasesByFirst = func() (table [firstPhrase][]byte) {
	for i, phrase := range phrases {
		table[phrase[0]] = append(table[phrase[0]], byte(i))
	}
	for _, numbers := range table {
		slices.SortStableFunc(numbers, func(a, b byte) int { return len(phrases[b]) - len(phrases[a]) })
	}
	return table
}()

// shortAgent makes a user agent short.
func shortAgent(agent string) []byte {
	short := make([]byte, 0, 24)
	for rest := agent; rest != ""; {
		if rest[0] >= firstPhrase {
			return append([]byte{asItIs}, agent...)
		}
		short, rest = appendPhrase(short, rest)
	}
	return short
}

// appendPhrase takes a phrase, or else a byte, from the beginning of a text.
func appendPhrase(short []byte, text string) ([]byte, string) {
	for _, number := range phrasesByFirst[text[0]] {
		if rest, ok := strings.CutPrefix(text, phrases[number]); ok {
			return append(short, firstPhrase+number), rest
		}
	}
	return append(short, text[0]), text[1:]
}

// shortIP makes an address short, if it is written as addresses are.
func shortIP(text string) []byte {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" && ip.String() == text && len(text) > len(ip.AsSlice()) {
		if ip.Is4() {
			return append([]byte{asIPv4}, ip.AsSlice()...)
		}
		return append([]byte{asIPv6}, ip.AsSlice()...)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r >= firstPhrase }) {
		return append([]byte{asItIs}, text...)
	}
	return []byte(text)
}

// long is the text that shortAgent or shortIP made short.
func long(short []byte) (string, error) {
	switch {
	case len(short) == 0:
		return "", nil
	case short[0] == asItIs:
		return string(short[1:]), nil
	case short[0] == asIPv4 && len(short) == 1+4, short[0] == asIPv6 && len(short) == 1+16:
		ip, _ := netip.AddrFromSlice(short[1:])
		return ip.String(), nil
	}
	var text strings.Builder
	text.Grow(160)
	for _, c := range short {
		switch {
		case c < firstPhrase:
			text.WriteByte(c)
		case int(c-firstPhrase) < len(phrases):
			text.WriteString(phrases[c-firstPhrase])
		default:
			return "", fmt.Errorf("a column with a user agent or an address holds the byte %#x, which a newer program wrote", c)
		}
	}
	return text.String(), nil
}
