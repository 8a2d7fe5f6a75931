package signing_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/internal/secret"
	"github.com/watchwordauth/watchword/signing"
	"github.com/watchwordauth/watchword/store/memory"
	"github.com/watchwordauth/watchword/verify"
)

func TestKeysOutliveTheMasterSecretThatSealedThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.mint(w.open())
	r := w.open(func(c *signing.Config) { c.Master = master(t, 2, 1) })
	w.accept(before, r)
	w.accept(w.mint(r), r)
}

func TestALostMasterSecretStopsTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.mint(w.open())
	w.pass(40 * day) // a new key is due, but not by a node that is wrong
	stranger := w.config(func(c *signing.Config) { c.Master = master(t, 2) })
	_, err := signing.Open(t.Context(), stranger)
	if !errors.Is(err, secret.ErrSealed) || !strings.Contains(err.Error(), "watchword key rotate --now") {
		t.Fatalf("Open = %v, want ErrSealed and what helps", err)
	}
	if records, err := w.store.Keys(t.Context()); err != nil || len(records) != 1 {
		t.Fatalf("it left %d keys, %v", len(records), err)
	}

	r, err := signing.Replace(t.Context(), stranger, "cli")
	if err != nil {
		t.Fatal(err)
	}
	wantStates(t, r, map[int]signing.State{1: signing.Revoked, 2: signing.Current})
	w.accept(w.mint(r), r)
	if err := w.verify(r, before); !errors.Is(err, verify.ErrUnknownKey) {
		t.Errorf("the lost key verifies: %v", err)
	}
	if _, err := signing.Open(t.Context(), stranger); err != nil {
		t.Errorf("the next start fails: %v", err)
	}
}

// forgedRecord is a key of somebody who can write to the database, but has no
// master secret of ours.
func forgedRecord(t *testing.T, number int) signing.Record {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	plain, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signing.Record{
		Number: number, ID: "forged", Algorithm: "ES256", Public: public,
		Sealed: master(t, 66).Seal("signing key", "forged", plain), CreatedAt: start, ActiveAt: start,
	}
}

func TestAKeyFromTheDatabaseAloneIsNotTrusted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.open()
	if err := w.store.Add(t.Context(), forgedRecord(t, 2)); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Hour)
	for range 2 {
		if err := r.Maintain(t.Context()); !errors.Is(err, secret.ErrSealed) || !strings.Contains(err.Error(), "signing key 2 (forged)") {
			t.Fatalf("Maintain = %v, want an alarm that names the key", err)
		}
	}
	if _, err := r.Key(t.Context(), "forged"); !errors.Is(err, verify.ErrUnknownKey) {
		t.Errorf("it verifies: %v", err)
	}
	if got := published(t, r); len(got) != 1 || got[0] == "forged" {
		t.Errorf("published are %v", got)
	}
	w.accept(w.mint(r), r)

	// An operator who revokes all keys is rid of it.
	if err := r.RotateNow(t.Context(), true, "cli"); err != nil {
		t.Fatal(err)
	}
	w.maintain(r)
	wantStates(t, r, map[int]signing.State{1: signing.Revoked, 2: signing.Revoked, 3: signing.Current})
}

// swapped is a store in which somebody replaced the public part of a key.
type swapped struct {
	signing.Store
	public []byte
}

func (s *swapped) Keys(ctx context.Context) ([]signing.Record, error) {
	records, err := s.Store.Keys(ctx)
	for i := range records {
		if s.public != nil {
			records[i].Public = s.public
		}
	}
	return records, err
}

func TestAKeyThatIsInUseIsLookedAtAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store := &swapped{Store: w.store}
	r := w.open(func(c *signing.Config) { c.Store = store })
	token := w.mint(r)
	store.public = forgedRecord(t, 1).Public
	if err := r.Maintain(t.Context()); err == nil || !strings.Contains(err.Error(), "does not belong") {
		t.Errorf("Maintain = %v, want an alarm", err)
	}
	if err := w.verify(r, token); !errors.Is(err, verify.ErrUnknownKey) {
		t.Errorf("the key still verifies: %v", err)
	}
	store.public = nil
	w.maintain(r)
	w.accept(token, r)
}

// source is randomness that repeats. It hides what it gives, as ours does.
func source(seed []byte) io.Reader {
	return reading(func(p []byte) (int, error) { return copy(p, seed), nil })
}

type reading func([]byte) (int, error)

func (f reading) Read(p []byte) (int, error) { return f(p) }

func TestNothingPrintsAPrivateKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seed := bytes.Repeat([]byte{0xa7, 0x3c}, 16)
	for _, algorithm := range []verify.Algorithm{verify.ES256, verify.Ed25519, verify.HS256} {
		c := w.config(func(c *signing.Config) { c.Algorithm, c.Rand = algorithm, source(seed) })
		if algorithm == verify.HS256 {
			c.Secret = seed
		}
		w.store = memory.New().Keys
		c.Store = w.store
		r, err := signing.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		records, err := w.store.Keys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		holder := struct {
			Ring    *signing.Ring
			ring    *signing.Ring
			Config  signing.Config
			Records []signing.Record
			List    []signing.KeyInfo
		}{r, r, c, records, r.List()}
		printed := []string{string(r.JWKS())}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			for _, value := range []any{r, c, records, holder, &holder} {
				printed = append(printed, fmt.Sprintf(verb, value))
			}
		}
		log := slog.New(slog.NewJSONHandler(&w.log, nil))
		log.Info("it", "ring", r, "config", c, "records", records, "list", r.List())
		slog.New(slog.NewTextHandler(&w.log, nil)).Info("it", "ring", r, "config", c, "records", records)
		printed = append(printed, w.log.String())
		dump := fmt.Sprint([]byte(seed))
		for _, text := range printed {
			for _, spelling := range []string{
				string(seed), hex.EncodeToString(seed), base64.StdEncoding.EncodeToString(seed)[:40], base64.RawURLEncoding.EncodeToString(seed)[:40],
				strings.Trim(dump, "[]"), new(big.Int).SetBytes(seed).String(), strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", seed), "[]byte{"), "}"),
			} {
				if strings.Contains(strings.ToLower(text), strings.ToLower(spelling)) {
					t.Errorf("%s: the private key is printed: %.200s…", algorithm, text)
				}
			}
		}
	}
}
