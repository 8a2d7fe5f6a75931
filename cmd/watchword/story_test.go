package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/session"
)

var storyTime = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// lived is a session that was born three days before storyTime and refreshed five
// minutes before; change makes it another.
func lived(change func(*session.Story)) session.Story {
	s := session.Session{
		ClientID: "web", Delivery: session.Body,
		CreatedAt: storyTime.Add(-72 * time.Hour), ExpiresAt: storyTime.Add(27 * 24 * time.Hour),
		Birth: session.Origin{IP: "192.0.2.1", UserAgent: "Firefox"},
		Register: session.Register{
			Generation: 8, RotatedAt: storyTime.Add(-5 * time.Minute), IdleUntil: storyTime.Add(7 * 24 * time.Hour),
			LastSeen: session.Origin{IP: "192.0.2.2"},
		},
	}
	s.UserID[0] = 1
	story := session.Story{Session: s}
	if change != nil {
		change(&story)
	}
	return story
}

func storyNames(id string) string {
	if strings.HasPrefix(id, "01") {
		return "ada"
	}
	return "the user " + id
}

func TestAStoryIsToldFromBirthToEnd(t *testing.T) {
	t.Parallel()
	const (
		born    = `ada signed in on 2026-11-18 12:00:00 UTC, 3 days ago, from 192.0.2.1 (Firefox) with the client "web". The refresh tokens travel in the body of requests and answers.`
		rotated = `The refresh token was replaced 7 times, for the last time on 2026-11-21 11:55:00 UTC, 5 minutes ago, from 192.0.2.2.`
		alive   = `It is alive. It ends on 2026-11-28 12:00:00 UTC, in 7 days, if it is not refreshed before, and on 2026-12-18 12:00:00 UTC whatever happens.`
	)
	ended := func(reason session.Reason, by string) func(*session.Story) {
		return func(story *session.Story) {
			story.Ended = reason
			story.Session.Tombstone = session.Tombstone{At: storyTime.Add(-time.Hour), Reason: reason, By: by}
		}
	}
	for _, row := range []struct {
		name   string
		change func(*session.Story)
		want   []string
	}{
		{"a quiet life", nil, []string{born, rotated, alive}},
		{
			"never refreshed", func(story *session.Story) { story.Session.Generation = 1 },
			[]string{born, "The refresh token has not been replaced yet: it is the one of the sign-in.", alive},
		},
		{
			"replays, stragglers, healing",
			func(story *session.Story) {
				at := storyTime.Add(-24 * time.Hour)
				story.Events = []audit.Event{
					{Type: audit.SessionReplayed, At: at},
					{Type: audit.SessionReplayed, At: at.Add(time.Hour)},
					{Type: audit.SessionStraggled, At: at},
					{Type: audit.SessionHealed, At: at},
				}
			},
			[]string{
				born, rotated,
				"At least twice, for the last time on 2026-11-20 13:00:00 UTC, a request was repeated and got the same answer again, as when an answer is lost on its way.",
				"At least once, on 2026-11-20 12:00:00 UTC, an old token arrived late, from a request that another one overtook: it got nothing, and nothing was lost.",
				"At least once, on 2026-11-20 12:00:00 UTC, the database had lost a rotation, as in a crash, and the client's token made up for it.",
				alive,
			},
		},
		{
			"theft",
			func(story *session.Story) {
				ended(session.ReuseDetected, "system")(story)
				story.Events = []audit.Event{{
					Type: audit.SessionReused, At: storyTime.Add(-time.Hour), IP: "203.0.113.9", UserAgent: "curl\x1b[2J",
					Detail: map[string]string{"presented": "3", "stored": "8"},
				}}
			},
			[]string{
				born, rotated,
				`On 2026-11-21 11:00:00 UTC an old refresh token was presented from 203.0.113.9 (curl\u001b[2J): number 3, when number 8 was the current one. Only a thief does that, or an owner whom a thief overtook.`,
				"It was ended on 2026-11-21 11:00:00 UTC, 1 hour ago, by Watchword itself: an old refresh token was presented, so somebody else holds the session's tokens.",
			},
		},
		{
			"ended on the command line", ended(session.UserBlocked, "cli"),
			[]string{born, rotated, "It was ended on 2026-11-21 11:00:00 UTC, 1 hour ago, on the command line: the user was blocked."},
		},
		{
			"signed out", ended(session.SignedOut, "01000000-0000-0000-0000-000000000000"),
			[]string{born, rotated, "It was ended on 2026-11-21 11:00:00 UTC, 1 hour ago, by ada: a sign-out."},
		},
		{
			"somebody signed in over it", ended(session.Superseded, "01000000-0000-0000-0000-000000000000"),
			[]string{born, rotated, "It was ended on 2026-11-21 11:00:00 UTC, 1 hour ago, by ada: another sign-in in the same browser took its place, or the account changed during the sign-in."},
		},
		{
			"idle", func(story *session.Story) {
				story.Ended, story.Session.IdleUntil = session.Idle, storyTime.Add(-time.Hour)
			},
			[]string{born, rotated, "It ended on 2026-11-21 11:00:00 UTC, 1 hour ago, because nobody had refreshed it for too long."},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(row.want, tell(lived(row.change), storyNames, storyTime)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Every reason that a session can end with has words of its own.
func TestEveryReasonHasWords(t *testing.T) {
	t.Parallel()
	for _, reason := range []session.Reason{
		session.SignedOut, session.EndedByUser, session.EndedByAdmin, session.PasswordChanged,
		session.UserBlocked, session.ReuseDetected, session.TooManySessions, session.Superseded,
	} {
		if words := because(reason); strings.EqualFold(words, strings.ReplaceAll(string(reason), "_", " ")) {
			t.Errorf("%s has no words", reason)
		}
	}
}

func TestSpansAreToldInTheirLargestUnit(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		span time.Duration
		want string
	}{
		{300 * time.Millisecond, "less than a second"},
		{time.Second, "1 second"},
		{1600 * time.Millisecond, "2 seconds"},
		{10*time.Minute - time.Second, "10 minutes"},
		{7*24*time.Hour - time.Minute, "7 days"},
		{36 * time.Hour, "36 hours"},
		{90 * time.Second, "90 seconds"},
		{2 * time.Minute, "2 minutes"},
		{time.Hour, "1 hour"},
		{90 * time.Minute, "90 minutes"},
		{-26 * time.Hour, "26 hours"},
		{24 * time.Hour, "1 day"},
		{30 * 24 * time.Hour, "30 days"},
	} {
		if got := span(row.span); got != row.want {
			t.Errorf("span(%v) = %q, want %q", row.span, got, row.want)
		}
	}
}
