package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"

	"golang.org/x/crypto/argon2"
)

// bare serves the limits, by the same HTTP server and for requests of the same
// size: a handler that reads a refresh request and only signs an ES256 token of
// the usual length, and one that only computes one Argon2id.
func bare(address string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	signingInput := base64.RawURLEncoding.EncodeToString(make([]byte, 84)) + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 400))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /sign", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ RefreshToken string }
		if json.NewDecoder(io.LimitReader(r.Body, 64<<10)).Decode(&body) != nil {
			http.Error(w, "bad", http.StatusBadRequest)
			return
		}
		digest := sha256.Sum256([]byte(signingInput))
		der, err := key.Sign(nil, digest[:], crypto.SHA256)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		var signature struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(der, &signature); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		var raw [64]byte
		signature.R.FillBytes(raw[:32])
		signature.S.FillBytes(raw[32:])
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"accessToken":"%s.%s","refreshToken":"%s","tokenType":"Bearer","expiresIn":600}`,
			signingInput, base64.RawURLEncoding.EncodeToString(raw[:]), body.RefreshToken)
	})
	mux.HandleFunc("POST /hash", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, io.LimitReader(r.Body, 64<<10))
		argon2.IDKey([]byte("correct horse battery"), []byte("sixteen bytes...."), 2, 19*1024, 1, 32)
		fmt.Fprint(w, "{}")
	})
	server := &http.Server{Addr: address, Handler: mux}
	return server.ListenAndServe()
}
