package simulate

import (
	"errors"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/session"
)

// A store that falls back by two rotations or more was restored from a backup:
// then revocations are missing, too. Until an operator says so, nobody whose token
// is that far ahead is let in, and nobody is signed out. (In the rule: "t > g+1:
// ahead". If it heals like t = g+1, this test fails: the revoked session lives.)
func TestARestoredBackupRevivesNobody(t *testing.T) {
	t.Parallel()
	town := newTown(1, Scenario{Delivery: session.Body, Keys: true, Devices: 2}, nil)
	defer town.close()
	owner, revoked := town.devices[0], town.devices[1]
	finished := false
	town.spawn(func(p *process) {
		refresh := func(d *device, want error) {
			t.Helper()
			if err := d.client(p).Refresh(); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", d.name, err, want)
			}
		}
		owner.signIn(p)
		revoked.signIn(p)
		p.sleep(time.Minute)
		refresh(owner, nil)
		refresh(revoked, nil)

		restoredTo, backup := p.now, town.store.backup()
		for range 3 {
			p.sleep(10 * time.Minute)
			refresh(owner, nil)
			refresh(revoked, nil)
		}
		id := town.witness.sessionOf(revoked)
		town.endSessions(p, "it is revoked", []session.ID{id}, func(n *node) error {
			_, err := n.End(withProcess(bg, p), id, session.EndedByAdmin, "cli")
			return err
		})
		p.sleep(time.Hour)
		town.restored = true
		town.store.reinstate(backup)
		reopened := p.now

		p.sleep(time.Minute)
		refresh(owner, ErrTryLater)
		refresh(revoked, ErrTryLater) // and town.witness sees that no node grants it anything

		// The operator ends again what was ended since, and says how far back the store is.
		if _, err := town.nodes[0].End(withProcess(bg, p), id, session.EndedByAdmin, "cli"); err != nil {
			t.Error(err)
		}
		policy := session.DefaultPolicy()
		policy.Recovery = session.Recovery{RestoredTo: restoredTo, ReopenedAt: reopened, ClosesAt: p.now.Add(24 * time.Hour)}
		town.nodes = []*node{town.newNode("node after the restore", 0, policy, true)}
		refresh(owner, nil)
		refresh(revoked, ErrSignedOut)
		p.sleep(time.Minute)
		refresh(owner, nil)
		finished = true
	})
	town.run(func() bool { return finished })
	if town.broken != nil || !finished {
		t.Errorf("finished: %v, %v", finished, town.broken)
	}
}
