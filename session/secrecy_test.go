package session

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestWhatHoldsASecretPrintsWithoutIt(t *testing.T) {
	t.Parallel()
	const secret = "0123456789abcdef0123456789abcdef"
	keys, err := NewTokenKeys(TokenKey{ID: 1, Secret: []byte(secret)})
	if err != nil {
		t.Fatal(err)
	}
	keys.Seal(Token{Generation: 1}, "c", Body) // the key is in use
	for name, value := range map[string]any{
		"what is presented": Presented{Token: secret, ClientID: "c", Delivery: Body},
		"what is granted":   Grant{AccessToken: secret, RefreshToken: secret},
		"the keys":          keys,
	} {
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "value", value)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "value", value)
		for form, text := range map[string]string{
			"%v": fmt.Sprintf("%v", value), "%+v": fmt.Sprintf("%+v", value), "%#v": fmt.Sprintf("%#v", value),
			"%s": fmt.Sprintf("%s", value), "inside": fmt.Sprintf("%+v", struct{ Inside any }{value}), "a log": log.String(),
		} {
			if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%v", []byte(secret))) {
				t.Errorf("%s, printed by %s: %s", name, form, text)
			}
			if text == "" {
				t.Errorf("%s, printed by %s: nothing", name, form)
			}
		}
	}
}
