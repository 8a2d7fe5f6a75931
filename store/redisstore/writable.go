package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// Writable writes something on each server that holds sessions, takes it back, and fails
// if that did: the memory or the disk is full, the server is a replica, or lacks its
// own. Reading alone would not show it.
//
// Unless the server syncs always, it answers before it writes its file: a disk that is full is
// told by the next call.
func (s *Store) Writable(ctx context.Context) error {
	_, err := detached(ctx, s, func(ctx context.Context) (struct{}, error) {
		tags, err := s.tags(ctx)
		if err != nil {
			return struct{}{}, err
		}
		var commands rueidis.Commands
		for _, tag := range tags {
			key := s.prefix + "w:{" + tag + "}"
			commands = append(commands,
				s.client.B().Set().Key(key).Value("").PxMilliseconds(1000).Build(), // it goes even if the next one gets lost
				s.client.B().Del().Key(key).Build())
		}
		for _, answer := range s.client.DoMulti(ctx, commands...) {
			if err := answer.Error(); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	return s.fault(ctx, err)
}

// tags are such that of the keys with them each server that holds sessions has one.
func (s *Store) tags(ctx context.Context) (tags []string, err error) {
	if s.client.Mode() != rueidis.ClientModeCluster {
		return []string{"0"}, nil
	}
	text, err := s.client.Do(ctx, s.client.B().ClusterNodes().Build()).ToString()
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(text) { // id address flags primary ping pong epoch link slots…
		fields := strings.Fields(line)
		if len(fields) < 9 {
			continue
		}
		var first, last uint16
		switch n, _ := fmt.Sscanf(fields[8], "%d-%d", &first, &last); n {
		case 0: // it has none, but for one that comes
			continue
		case 1:
			last = first
		}
		tags = append(tags, tagWithin(first, last))
	}
	return tags, nil
}

// tagWithin is a tag whose slot is one of these.
func tagWithin(first, last uint16) (tag string) {
	for n := range 1 << 20 { // among so many are all slots
		tag = strconv.Itoa(n)
		command := rueidis.Completed{}.SetSlot(tag)
		if slot := command.Slot(); first <= slot && slot <= last {
			break
		}
	}
	return tag
}
