package main

import (
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/signing"
)

// The records below are what --json prints, in the words of the HTTP API. They
// hold no hash, no key and no token.

type userRecord struct {
	ID        string       `json:"id"`
	Username  string       `json:"username"`
	Email     string       `json:"email"`
	Roles     []string     `json:"roles"`
	Blocked   bool         `json:"blocked"`
	Block     *blockRecord `json:"block,omitempty"`
	Epoch     uint64       `json:"epoch"`
	CreatedAt time.Time    `json:"createdAt"`
}

type blockRecord struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	By     string    `json:"by"`
}

func recordOfUser(u account.User) userRecord {
	r := userRecord{ID: u.ID.String(), Username: u.Username, Email: u.Email, Roles: u.Roles, Epoch: u.Epoch, CreatedAt: u.CreatedAt}
	if u.Blocked() {
		r.Blocked, r.Block = true, &blockRecord{u.Block.At, u.Block.Reason, u.Block.By}
	}
	return r
}

type sessionRecord struct {
	ID         string      `json:"id"`
	UserID     string      `json:"userId"`
	ClientID   string      `json:"clientId"`
	Delivery   string      `json:"delivery"`
	CreatedAt  time.Time   `json:"createdAt"`
	ExpiresAt  time.Time   `json:"expiresAt"`
	IdleUntil  time.Time   `json:"idleUntil"`
	Generation uint64      `json:"generation"`
	RotatedAt  time.Time   `json:"rotatedAt"`
	Birth      placeRecord `json:"birth"`
	LastSeen   placeRecord `json:"lastSeen"`
	Ended      *endRecord  `json:"ended,omitempty"`
}

type placeRecord struct {
	IP        string `json:"ip"`
	UserAgent string `json:"userAgent"`
}

type endRecord struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at,omitzero"`
	By     string    `json:"by,omitempty"`
}

func recordOfSession(s session.Session, now time.Time) sessionRecord {
	r := sessionRecord{
		ID: s.ID.String(), UserID: s.UserID.String(), ClientID: s.ClientID, Delivery: s.Delivery.String(),
		CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt, IdleUntil: s.IdleUntil,
		Generation: s.Generation, RotatedAt: s.RotatedAt, Birth: placeRecord(s.Birth), LastSeen: placeRecord(s.LastSeen),
	}
	if reason, ended := s.EndedBy(now); ended {
		r.Ended = &endRecord{Reason: string(reason), At: s.Tombstone.At, By: s.Tombstone.By}
	}
	return r
}

type eventRecord struct {
	At        time.Time         `json:"at"`
	Type      audit.Type        `json:"type"`
	User      string            `json:"user,omitempty"`
	Session   string            `json:"session,omitempty"`
	Actor     string            `json:"actor"`
	IP        string            `json:"ip,omitempty"`
	UserAgent string            `json:"userAgent,omitempty"`
	Detail    map[string]string `json:"detail,omitempty"`
}

func recordOfEvent(e audit.Event) eventRecord {
	return eventRecord{e.At, e.Type, e.User, e.Session, e.Actor, e.IP, e.UserAgent, e.Detail}
}

type keyRecord struct {
	Number    int       `json:"number"`
	ID        string    `json:"id,omitempty"`
	Algorithm string    `json:"algorithm"`
	State     string    `json:"state"`
	CreatedAt time.Time `json:"createdAt,omitzero"`
	ActiveAt  time.Time `json:"activeAt,omitzero"`
	EndsAt    time.Time `json:"endsAt,omitzero"`
}

func recordOfKey(k signing.KeyInfo) keyRecord {
	return keyRecord{k.Number, k.ID, k.Algorithm, string(k.State), k.CreatedAt, k.ActiveAt, k.EndsAt}
}
