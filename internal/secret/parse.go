package secret

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ErrWeak is returned for a secret that could be guessed.
var ErrWeak = errors.New("too weak a secret")

// Generate makes a new secret as text: 32 random bytes in hexadecimal, which no
// shell, .env file or mouse click takes apart. Parse accepts it.
func Generate(random io.Reader) (string, error) {
	for {
		var material [Size]byte
		if _, err := io.ReadFull(random, material[:]); err != nil {
			return "", fmt.Errorf("draw a secret: %w", err)
		}
		// One in a million million looks like a sample.
		if text := hex.EncodeToString(material[:]); weakness(text, material[:]) == "" {
			return text, nil
		}
	}
}

// Parse reads a secret from the text of a setting, whose name is for the error:
// hexadecimal, base64, base64url, or failing these plain text. White space
// around it does not count. It fails with ErrWeak for less than 32 bytes, for the
// samples of tutorials, and for what a person would type. The text is never in
// the error.
func Parse(name, text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	material := decode(text)
	if reason := weakness(text, material); reason != "" {
		return nil, refusal(name, reason)
	}
	return material, nil
}

// Check judges a secret as Parse does, for a setting whose text is used as it
// stands: other programs that share an HS256 secret do not decode it.
func Check(name, text string) error {
	if text != strings.TrimSpace(text) {
		return refusal(name, "white space stands at its beginning or end, where programs differ: remove it")
	}
	if reason := weakness(text, decode(text)); reason != "" {
		return refusal(name, reason)
	}
	return nil
}

func refusal(name, reason string) error {
	return fmt.Errorf("%s: %w: %s; make one with \"watchword secret\"", name, ErrWeak, reason)
}

// decode returns the bytes that the text stands for. Digits of hexadecimal are
// always taken as such: 32 of them hold 16 bytes. Base64 is taken as such if it
// holds enough; a shorter one may be plain text.
func decode(text string) []byte {
	digits := text
	if len(text) == 36 {
		digits = strings.ReplaceAll(text, "-", "") // a UUID
	}
	if material, err := hex.DecodeString(digits); err == nil {
		return material
	}
	if strings.ContainsAny(text, "\r\n") { // which the decoders would skip
		return []byte(text)
	}
	unpadded := strings.TrimRight(text, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if material, err := encoding.Strict().DecodeString(unpadded); err == nil && len(material) >= Size {
			return material
		}
	}
	return []byte(text)
}

// minDistinct is how many different characters, and different bytes, a secret
// has at least. Of 64 random digits of hexadecimal one in millions has fewer.
const minDistinct = 12

// weakness says what is wrong with a secret, or "".
func weakness(text string, material []byte) string {
	switch {
	case text == "":
		return "it is empty"
	case len(material) < Size && len(material) < len(text):
		return fmt.Sprintf("its %d hexadecimal digits hold %d bytes, %d are needed", len(material)*2, len(material), Size)
	case len(material) < Size:
		return fmt.Sprintf("it has %d bytes, %d are needed", len(material), Size)
	case sample(text) || sample(string(material)):
		return "it is a sample, or looks like one"
	case repeats(text) || repeats(string(material)):
		return "it repeats itself"
	case distinct(text) < minDistinct || distinct(string(material)) < minDistinct:
		return "it has too few different characters"
	case ascends(text) || ascends(string(material)):
		return "it is a sequence"
	}
	return ""
}

// published are secrets that stand in much-copied tutorials and specifications,
// in lower case: Spring Boot and FastAPI guides, RFC 7515 appendix A.1.
var published = []string{
	"404e635266556a586e3272357538782f413f4428472b4b6250645367566b5970",
	"413f4428472b4b6250655368566d5970337336763979244226452948404d6351",
	"3cfa76ef14937c1c0ea519f8fc057a80fcd04a7420f8e8bcd0a7567c272e007b",
	"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
	"aym1sysppbydfgzld3umj1qzkobwvmkoqq-estjqlr_t-1qs0gzh75aktmn3yj0ips4hcguutwjazzr1z9caow",
}

// telling are the letters of words that samples are made of. They have six or
// more, so that chance does not put one into a random secret.
var telling = []string{
	"secret", "s3cr3t", "sekret", "passwor", "passw0r", "p4ssw0r", "passphrase",
	"changeme", "changeit", "changethis", "replaceme", "replacethis",
	"bezkoder", "watchword", "example", "sample", "tutorial", "default", "insecure", "notsecure",
	"development", "production", "testing", "testkey", "jwtkey", "signingkey", "privatekey", "secure",
	"atleast", "longenough", "characters", "qwerty", "asdfgh", "abcdefg", "abcd1234", "12345678", "87654321", "deadbeef", "cafebabe",
}

// sample reports whether the text is a published secret, or has a telling word.
func sample(text string) bool {
	text = strings.ToLower(text)
	if slices.Contains(published, strings.TrimRight(text, "=")) {
		return true
	}
	letters := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, text)
	return slices.ContainsFunc(telling, func(word string) bool { return strings.Contains(letters, word) })
}

// repeats reports whether the text is one half or less, again and again.
func repeats(text string) bool {
	// border[i] is the length of the longest proper prefix of text[:i+1] that
	// ends it too (Knuth, Morris and Pratt); what is before it is the period.
	border := make([]int, len(text))
	for i, k := 1, 0; i < len(text); i++ {
		for k > 0 && text[i] != text[k] {
			k = border[k-1]
		}
		if text[i] == text[k] {
			k++
		}
		border[i] = k
	}
	period := len(text) - border[len(text)-1]
	return period <= len(text)/2
}

// distinct counts the different bytes.
func distinct(text string) int {
	var seen [256]bool
	n := 0
	for _, c := range []byte(text) {
		if !seen[c] {
			seen[c] = true
			n++
		}
	}
	return n
}

// ascends reports whether most bytes are neighbours of the byte before, as in
// "abcdefgh" or "99887766".
func ascends(text string) bool {
	near := 0
	for i := 1; i < len(text); i++ {
		if step := int(text[i]) - int(text[i-1]); step >= -1 && step <= 1 {
			near++
		}
	}
	return near > len(text)/2
}
