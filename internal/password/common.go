package password

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// commonList is 16,455 of the most used passwords: one a line, in lower case,
// sorted by bytes, those of eight characters and more. It is the union of two lists:
//
//   - django/contrib/auth/common-passwords.txt.gz of Django 3.2.25, BSD-3-Clause
//   - the passwords in lib/frequency_lists.js of zxcvbn 4.4.2, MIT
//
// common.LICENSE holds both licences.
//
//go:embed common.txt.gz
var commonList []byte

// common is the list, read when it is first needed.
var common = sync.OnceValue(func() []string {
	unzipped, err := gzip.NewReader(bytes.NewReader(commonList))
	if err != nil {
		panic(fmt.Sprintf("password: the embedded list: %v", err))
	}
	text, err := io.ReadAll(unzipped)
	if err != nil {
		panic(fmt.Sprintf("password: the embedded list: %v", err))
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
})

// isCommon reports whether a password is on the list, in any case of letters, or
// is one character again and again.
func isCommon(password string) bool {
	lower := strings.ToLower(password)
	if _, size := utf8.DecodeRuneInString(lower); strings.Count(lower, lower[:size])*size == len(lower) {
		return true
	}
	_, found := slices.BinarySearch(common(), lower)
	return found
}
