package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// How long a refresh goes on trying before it gives the failure to who waits.
const (
	refreshTries   = 4
	refreshTimeout = 30 * time.Second
	firstPause     = 200 * time.Millisecond
)

// refresh sends what the storage holds until there is an answer. Trying again is
// safe: the request key is the same.
func (c *Client) refresh(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	pause := firstPause
	for try := 1; ; try++ {
		token, err := c.refreshOnce(ctx)
		if err == nil || errors.Is(err, ErrSignedOut) || try == refreshTries {
			return token, err
		}
		wait := pause/2 + rand.N(pause) // jitter: not all clients at once
		if p, ok := errors.AsType[*Problem](err); ok {
			if p.Status < 500 && p.Status != http.StatusConflict && p.Status != http.StatusTooManyRequests {
				return "", err // the request is wrong, and would be again
			}
			wait = max(wait, p.RetryAfter)
		}
		pause *= 3
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return "", err
		case <-timer.C:
		}
	}
}

func (c *Client) refreshOnce(ctx context.Context) (string, error) {
	credentials, err := c.storage.Load(ctx)
	if err != nil {
		return "", fmt.Errorf("find the session: %w", err)
	}
	if credentials.RefreshToken == "" {
		return "", ErrSignedOut
	}
	got, err := c.post(ctx, "/api/auth/refreshtoken", map[string]string{"refreshToken": credentials.RefreshToken}, credentials.RequestKey)
	if errors.Is(err, ErrSignedOut) {
		c.forget()
		// Another program may have signed in meanwhile: its session is not ours to clear.
		replaced, clearErr := c.storage.Replace(ctx, credentials, Credentials{})
		switch {
		case clearErr != nil:
			return "", errors.Join(err, fmt.Errorf("forget the session: %w", clearErr))
		case !replaced:
			return "", errOvertaken
		}
	}
	if err != nil {
		// At a 409 the storage may hold a newer token by now: it is read at each try.
		return "", fmt.Errorf("refresh: %w", err)
	}
	if got.RefreshToken != "" && got.RefreshToken != credentials.RefreshToken {
		replaced, err := c.storage.Replace(ctx, credentials, held(got.RefreshToken))
		if err != nil {
			// The token was not kept, so the old one is presented again: with
			// its request key it gets the same answer, whenever that is.
			return "", fmt.Errorf("keep the session: %w", err)
		}
		if !replaced {
			// Another program was faster with the same answer, or signed in as
			// somebody else: what the storage holds now is what counts.
			kept, err := c.storage.Load(ctx)
			if err != nil || kept.RefreshToken != got.RefreshToken {
				return "", errors.Join(errOvertaken, err)
			}
		}
	}
	c.adopt(got)
	return got.AccessToken, nil
}

// errOvertaken means that the storage holds another token than the one that was
// presented: it is presented next.
var errOvertaken = errors.New("another program replaced the session meanwhile")

// answer is what the server gives.
type answer struct {
	AccessToken  string `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
	ExpiresIn    int64  `json:"expiresIn"` // seconds
}

// Problem is a refusal of the server (RFC 9457).
type Problem struct {
	Status     int           `json:"status"`
	Code       string        `json:"code"`   // stable, for programs
	Detail     string        `json:"detail"` // for people
	Session    string        `json:"session"`
	Reason     string        `json:"reason"` // why the session ended
	RetryAfter time.Duration `json:"-"`
}

// Error implements error.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return fmt.Sprintf("the server answered %d", p.Status)
	}
	return fmt.Sprintf("the server answered %d: %s", p.Status, p.Detail)
}

// Is says that a problem which ended the session is ErrSignedOut.
func (p *Problem) Is(target error) bool {
	return target == ErrSignedOut && p.Session == "ended"
}

// post sends one request and reads one answer. No token is in its errors.
func (c *Client) post(ctx context.Context, path string, body map[string]string, requestKey string) (answer, error) {
	payload, err := json.Marshal(body)
	if err != nil {
		return answer{}, fmt.Errorf("encode the request: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.server+path, bytes.NewReader(payload))
	if err != nil {
		return answer{}, fmt.Errorf("make the request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	if requestKey != "" {
		request.Header.Set("Idempotency-Key", requestKey)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return answer{}, fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode/100 != 2 {
		problem := &Problem{}
		if json.Unmarshal(text, problem) != nil {
			problem = &Problem{} // not ours: a proxy's page, perhaps
		}
		problem.Status = response.StatusCode
		if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds >= 0 {
			problem.RetryAfter = time.Duration(seconds) * time.Second
		}
		return answer{}, problem
	}
	var got answer
	if len(text) > 0 {
		if err := json.Unmarshal(text, &got); err != nil {
			return answer{}, fmt.Errorf("the answer is not of a sign-in server: %w", err)
		}
	}
	return got, nil
}
