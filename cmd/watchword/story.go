package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/session"
)

// tell tells a session's life in plain sentences: born when and where, rotated
// how often, replayed, straggled, healed, and why and by whom it ended. name
// finds the name of a user by id.
func tell(story session.Story, name func(id string) string, now time.Time) []string {
	s := story.Session
	owner := name(s.UserID.String())
	var said []string
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }

	say("%s signed in on %s, %s,%s with the client %q. The refresh tokens travel in %s.",
		owner, stamp(s.CreatedAt), relative(s.CreatedAt, now), from(s.Birth), s.ClientID, travels(s.Delivery))

	switch s.Generation {
	case 1:
		say("The refresh token has not been replaced yet: it is the one of the sign-in.")
	default:
		say("The refresh token was replaced %s, for the last time on %s, %s,%s.",
			times(s.Generation-1), stamp(s.RotatedAt), relative(s.RotatedAt, now), from(s.LastSeen))
	}

	happened := make(map[audit.Type][]audit.Event)
	for _, e := range story.Events {
		happened[e.Type] = append(happened[e.Type], e)
	}
	var back []audit.Event // healed by more than one generation
	happened[audit.SessionHealed] = slices.DeleteFunc(happened[audit.SessionHealed], func(e audit.Event) bool {
		if restored(e) {
			back = append(back, e)
		}
		return restored(e)
	})
	for _, e := range back {
		say("On %s the database had been restored from a backup, which knew refresh token number %s; the client came with number %s%s, and it was taken back.",
			stamp(e.At), detail(e, "stored"), detail(e, "presented"), from(session.Origin{IP: e.IP, UserAgent: e.UserAgent}))
	}
	for _, odd := range []struct {
		kind    audit.Type
		meaning string
	}{
		{audit.SessionReplayed, "a request was repeated and got the same answer again, as when an answer is lost on its way"},
		{audit.SessionStraggled, "an old token arrived late, from a request that another one overtook: it got nothing, and nothing was lost"},
		{audit.SessionHealed, "the database had lost a rotation, as in a crash, and the client's token made up for it"},
		{audit.SessionAhead, "a token arrived that is newer than the database knows, as after restoring a backup: it was refused"},
	} {
		if events := happened[odd.kind]; len(events) > 0 {
			say("%s %s, %s.", atLeast(len(events)), stamp(events[len(events)-1].At), odd.meaning)
		}
	}
	for _, e := range happened[audit.SessionReused] {
		say("On %s an old refresh token was presented%s: number %s, when number %s was the current one. Only a thief does that, or an owner whom a thief overtook.",
			stamp(e.At), from(session.Origin{IP: e.IP, UserAgent: e.UserAgent}), detail(e, "presented"), detail(e, "stored"))
	}

	switch story.Ended {
	case "":
		say("It is alive. It ends on %s, %s, if it is not refreshed before, and on %s whatever happens.",
			stamp(s.IdleUntil), relative(s.IdleUntil, now), stamp(s.ExpiresAt))
	case session.Expired:
		say("It expired on %s, %s: no session lives longer.", stamp(s.ExpiresAt), relative(s.ExpiresAt, now))
	case session.Idle:
		say("It ended on %s, %s, because nobody had refreshed it for too long.", stamp(s.IdleUntil), relative(s.IdleUntil, now))
	default:
		say("It was ended on %s, %s, %s: %s.", stamp(s.Tombstone.At), relative(s.Tombstone.At, now), by(s.Tombstone.By, owner, s.UserID.String(), name), because(story.Ended))
	}
	return said
}

// restored reports whether a healing made up for more than a crash loses: only in the
// recovery window of a restore does that happen.
func restored(e audit.Event) bool {
	stored, storedErr := strconv.ParseUint(e.Detail["stored"], 10, 64)
	presented, presentedErr := strconv.ParseUint(e.Detail["presented"], 10, 64)
	return storedErr == nil && presentedErr == nil && presented > stored+1
}

// from says where a request came from, with a space before it, or nothing.
func from(o session.Origin) string {
	text := ""
	if o.IP != "" {
		text += " from " + plain(o.IP)
	}
	if o.UserAgent != "" {
		text += fmt.Sprintf(" (%s)", plain(o.UserAgent))
	}
	return text
}

func travels(d session.Delivery) string {
	switch d {
	case session.Cookie:
		return "a cookie that scripts cannot read"
	default:
		return "the body of requests and answers"
	}
}

// atLeast begins a sentence with a count of events. Repetitions within ten
// seconds are not written down, so there may have been more.
func atLeast(n int) string {
	if n == 1 {
		return "At least once, on"
	}
	return "At least " + times(uint64(n)) + ", for the last time on"
}

func detail(e audit.Event, name string) string {
	if value := e.Detail[name]; value != "" {
		return plain(value)
	}
	return "unknown"
}

// by says who ended a session.
func by(actor, owner, ownerID string, name func(string) string) string {
	switch actor {
	case "cli":
		return "on the command line"
	case "system", "":
		return "by Watchword itself"
	case ownerID:
		return "by " + owner
	}
	return "by " + name(actor)
}

// because puts a reason into words. A reason it does not know is shown as it is.
func because(reason session.Reason) string {
	known := map[session.Reason]string{
		session.SignedOut:       "a sign-out",
		session.EndedByUser:     "ended from another session of the same user",
		session.EndedByAdmin:    "an administrator decided so",
		session.PasswordChanged: "the password was changed elsewhere",
		session.UserBlocked:     "the user was blocked",
		session.ReuseDetected:   "an old refresh token was presented, so somebody else holds the session's tokens",
		session.TooManySessions: "the user had too many sessions, and this was the quietest",
		session.Superseded:      "another sign-in in the same browser took its place, or the account changed during the sign-in",
	}
	if words, ok := known[reason]; ok {
		return words
	}
	return strings.ReplaceAll(plain(string(reason)), "_", " ")
}
