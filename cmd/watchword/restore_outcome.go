package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/journal"
	"github.com/watchwordauth/watchword/recovery"
	"github.com/watchwordauth/watchword/session"
)

// outcome is what a restore did, and what it could not.
type outcome struct {
	known   time.Time // what the backup knows
	journal journal.Contents
	report  recovery.Report
	window  session.Recovery
	alive   int // sessions that go on
	endAll  bool
	ended   int // by endAll
	admins  recovery.Administration
}

// mostNames is how many users are named in a list.
const mostNames = 50

// tell tells what was done, and what is not to be had back.
func (o outcome) tell(w io.Writer, now time.Time) {
	say := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	say("The backup knows what happened up to %s, %s.", stamp(o.known), relative(o.known, now))
	if !o.journal.Since.IsZero() {
		until := o.journal.Last()
		if o.journal.Marked.After(until) {
			until = o.journal.Marked
		}
		say("The journal is complete from %s to %s,\n%s. What a server did later without it is not known.", stamp(o.journal.Since), stamp(until), relative(until, now))
	}
	say("")
	say("sessions that go on                        %d", o.alive)
	say("ended since the backup, and ended again    %d", o.report.Ended)
	say("ended since, and begun after the backup    %d", o.report.Unborn)
	if o.endAll {
		say("ended now, by --end-all-sessions           %d", o.ended)
	}
	list := func(what string, users []account.User, hint string) {
		say("%-42s %d", what, len(users))
		for i, u := range users {
			if i == mostNames {
				say("    and %d more", len(users)-mostNames)
				break
			}
			say("    %s", plain(u.Username))
		}
		if len(users) > 0 && hint != "" {
			say("    %s", hint)
		}
	}
	list("users blocked again", o.report.Blocked, "")
	list("users no longer blocked, again", o.report.Unblocked, "")
	list("users with their new roles again", o.report.Roles, "")
	list("users who need another password", o.report.Passwords, "their old one signs nobody in any more: watchword user password NAME")
	if o.report.Unknown > 0 {
		say("users who are in the journal and not in the backup: %d", o.report.Unknown)
	}
	if o.report.Keys > 0 {
		say("signing keys revoked again                 %d", o.report.Keys)
	}
	say("")
	if !o.window.ClosesAt.After(o.window.ReopenedAt) {
		say("No recovery window is open.")
	} else {
		say("A recovery window is open until %s, %s: sessions that were\nrefreshed since the backup go on with the tokens that their devices hold.", stamp(o.window.ClosesAt), relative(o.window.ClosesAt, now))
	}
	say("What began after the backup is lost: users sign up and in again. Access tokens that\na newer key signed are refused until they are refreshed.")
}

// tellAdmins says so if nobody can administer what was restored, and the commands that
// mend it.
func (o outcome) tellAdmins(w io.Writer, c config) {
	if o.admins.Able {
		return
	}
	command := func(words ...string) { fmt.Fprintf(w, "        %s\n", line(c.again(words...))) }
	fmt.Fprint(w, "\nNobody can sign in as an administrator.\n")
	for i, u := range o.admins.Barred {
		if i == mostNames {
			fmt.Fprintf(w, "    and %d more\n", len(o.admins.Barred)-mostNames)
			break
		}
		who := plain(u.Username)
		if strings.HasPrefix(who, "-") {
			who = u.ID.String() // which is no flag
		}
		if u.Blocked() {
			fmt.Fprintf(w, "    %s is blocked\n", plain(u.Username))
			command("user", "unblock", who)
		}
		if u.PasswordHash == "" {
			fmt.Fprintf(w, "    %s needs another password\n", plain(u.Username))
			command("user", "password", who)
		}
	}
	if len(o.admins.Barred) == 0 {
		fmt.Fprint(w, "    Nobody has that role: add somebody, or give it to a user\n")
	} else {
		fmt.Fprint(w, "    Or add somebody, or give the role to another user\n")
	}
	command("user", "add", "--role", account.RoleAdmin, "--email", "you@example.org", "you")
	command("user", "roles", "NAME", account.RoleUser, account.RoleAdmin)
}

// again is another command on the same data: with the flags that named it. None of
// them holds a password.
func (c config) again(words ...string) []string {
	command := append([]string{"watchword"}, words...)
	add := func(name, value string) {
		if c.given[name] == "--"+name {
			command = append(command, "--"+name, value)
		}
	}
	add("config", c.File)
	add("data", c.Data)
	add("database", c.Database)
	add("sessions", c.Sessions)
	if len(c.Journals) > 0 {
		add("revocation-journal", c.Journals[0]) // a process writes one
	}
	return command
}
