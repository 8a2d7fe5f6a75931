package signing_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"time"

	"github.com/watchwordauth/watchword/internal/secret"
	"github.com/watchwordauth/watchword/signing"
	"github.com/watchwordauth/watchword/store/memory"
	"github.com/watchwordauth/watchword/verify"
)

// exampleConfig has a store in memory, and a clock and randomness that stand still.
func exampleConfig() signing.Config {
	master, err := secret.New([]byte("kT7#vQ2m!xZ9@pL4&wR6^nB8*cY3$hJ5"))
	if err != nil {
		log.Fatal(err)
	}
	return signing.Config{
		Store:  memory.New().Keys,
		Master: master,
		Now:    func() time.Time { return start },
		Rand:   bytes.NewReader(bytes.Repeat([]byte("not random at all, for once "), 100)),
		Logger: slog.New(slog.DiscardHandler),
	}
}

func exampleClaims() verify.Claims {
	return verify.Claims{
		Issuer: issuer, Subject: "0192f5c4-3b1e-7d3a-9c51-8f6e2d4b7a90", Audience: []string{audience}, ClientID: "web",
		IssuedAt: start, Expiry: start.Add(10 * time.Minute), ID: "token-1", Roles: []string{"user"},
	}
}

func openExample() *signing.Ring {
	ring, err := signing.Open(context.Background(), exampleConfig())
	if err != nil {
		log.Fatal(err)
	}
	return ring
}

// The first start makes a key; the ring signs and verifies.
func ExampleOpen() {
	ctx := context.Background()
	ring, err := signing.Open(ctx, exampleConfig())
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := ring.Mint(exampleClaims())
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := verify.New(ctx, issuer, audience, verify.WithKeys(ring), verify.WithNow(func() time.Time { return start }))
	if err != nil {
		fmt.Println(err)
		return
	}
	claims, err := verifier.Verify(ctx, token)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(claims.Subject, claims.Roles)
	// Output: 0192f5c4-3b1e-7d3a-9c51-8f6e2d4b7a90 [user]
}

// With HS256 there is one key, which the resource servers share.
func ExampleOpen_shared() {
	ring, err := signing.Open(context.Background(), signing.Config{
		Algorithm: verify.HS256,
		Secret:    []byte("kT7#vQ2m!xZ9@pL4&wR6^nB8*cY3$hJ5"),
		Now:       func() time.Time { return start },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := ring.Mint(exampleClaims())
	fmt.Println(token[:36], err)
	// Output: eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3 <nil>
}

// The master secret was lost, and with it the keys: start over with a new one.
func ExampleReplace() {
	c := exampleConfig()
	if _, err := signing.Open(context.Background(), c); err != nil {
		fmt.Println(err)
		return
	}
	var err error
	if c.Master, err = secret.New([]byte("zX1!mN8@qW3#eR6$tY9%uI2^oP5&aS7*")); err != nil {
		fmt.Println(err)
		return
	}
	ring, err := signing.Replace(context.Background(), c, "cli")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, key := range ring.List() {
		fmt.Println(key.Number, key.State)
	}
	// Output:
	// 2 current
	// 1 revoked
}

// The owner of a ring keeps it fresh until it stops.
func ExampleRing_Maintain() {
	ring := openExample()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(signing.MaintainEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				if err := ring.Maintain(ctx); err != nil {
					slog.Error("maintain the signing keys", "error", err)
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	stop()
	<-done
}

// An operator lost a key: another signs at once, and nothing the lost one signed is
// accepted any more.
func ExampleRing_RotateNow() {
	ctx := context.Background()
	ring := openExample()
	lost := ring.List()[0].ID
	if err := ring.RotateNow(ctx, true, "cli"); err != nil {
		fmt.Println(err)
		return
	}
	_, err := ring.Key(ctx, lost)
	fmt.Println(err)
	// Output: unknown key
}

func ExampleRing_List() {
	ring := openExample()
	if err := ring.RotateNow(context.Background(), false, "cli"); err != nil {
		fmt.Println(err)
		return
	}
	for _, key := range ring.List() {
		fmt.Println(key.Number, key.Algorithm, key.State, "from", key.ActiveAt.Format(time.TimeOnly))
	}
	// Output:
	// 2 ES256 next from 12:23:00
	// 1 ES256 current from 12:00:00
}

func ExampleRing_JWKS() {
	set := openExample().JWKS()
	fmt.Printf("%s\nETag: %s\n", set, signing.ETag(set))
	// Output:
	// {"keys":[{"kty":"EC","use":"sig","alg":"ES256","kid":"oGW_JazFnTh_9-a97u6oPE14jjgIP2Z6KIbrsAuHcqA","crv":"P-256","x":"vbJS1mWhWUtj6RyEdtTZ5ReoZFIGhvhwtRslvLjzgx4","y":"wlWGKrhukK1uQot1g9JTE0QdOrcIAegxLPpU5t-nR4w"}]}
	// ETag: "4r6hhUFh8xYJQeJ_Km0i7w"
}

// Other statements of the issuer get a type of their own.
func ExampleRing_SignJWT() {
	token, err := openExample().SignJWT("revocations+jwt", map[string]any{"iss": issuer})
	if err != nil {
		fmt.Println(err)
		return
	}
	header, err := base64.RawURLEncoding.DecodeString(token[:strings.IndexByte(token, '.')])
	fmt.Println(string(header), err)
	// Output: {"alg":"ES256","kid":"oGW_JazFnTh_9-a97u6oPE14jjgIP2Z6KIbrsAuHcqA","typ":"revocations+jwt"} <nil>
}
