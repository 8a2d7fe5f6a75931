package ferretdb

import (
	"testing"

	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b backend) {
		b.empty(t) // skips the whole, not each part
		storetest.Run(t, func(t testing.TB) store.Set { return connect(t, b.empty(t)).Set() })
	})
}

func TestManyClientsAreLinearizable(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, b backend) {
		storetest.Linearizable(t, connect(t, b.empty(t)).Set().Sessions)
	})
}
