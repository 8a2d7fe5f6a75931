package mongostore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/watchwordauth/watchword/account"
)

// users is an account.Store.
type users struct{ *DB }

// userDocument is an account.User in the database.
type userDocument struct {
	ID          bson.Binary `bson:"_id"`
	Username    string      `bson:"username"`
	UsernameKey string      `bson:"username_key"`
	Email       string      `bson:"email"`
	// EmailKey is a string or, of a user without an address, the user's id: an
	// index holds something for everybody, and what it holds here clashes with
	// nothing.
	EmailKey     any            `bson:"email_key"`
	PasswordHash string         `bson:"password_hash"`
	Roles        []string       `bson:"roles"`
	Block        *blockDocument `bson:"block,omitempty"` // missing: not blocked
	Epoch        int64          `bson:"epoch"`
	EpochAt      int64          `bson:"epoch_at"`
	Created      int64          `bson:"created"`
}

type blockDocument struct {
	At     int64  `bson:"at"`
	Reason string `bson:"reason"`
	By     string `bson:"by"`
}

func newBlock(b account.Block) *blockDocument {
	if b.At.IsZero() {
		return nil
	}
	return &blockDocument{micros(b.At), text(b.Reason), text(b.By)}
}

func (d userDocument) user() (account.User, error) {
	id, err := to16(d.ID)
	if err != nil {
		return account.User{}, err
	}
	u := account.User{
		ID: id, Username: bytesOf(d.Username), UsernameKey: bytesOf(d.UsernameKey), Email: bytesOf(d.Email),
		PasswordHash: bytesOf(d.PasswordHash), Epoch: uint64(d.Epoch), EpochAt: instant(d.EpochAt), CreatedAt: instant(d.Created),
	}
	if key, ok := d.EmailKey.(string); ok {
		u.EmailKey = bytesOf(key)
	}
	for _, role := range d.Roles {
		u.Roles = append(u.Roles, bytesOf(role))
	}
	if d.Block != nil {
		u.Block = account.Block{At: instant(d.Block.At), Reason: bytesOf(d.Block.Reason), By: bytesOf(d.Block.By)}
	}
	return u, nil
}

func (s users) Add(ctx context.Context, u account.User) error {
	d := userDocument{
		ID: named(u.ID), Username: text(u.Username), UsernameKey: text(u.UsernameKey), Email: text(u.Email), EmailKey: text(u.EmailKey),
		PasswordHash: text(u.PasswordHash), Roles: texts(u.Roles), Block: newBlock(u.Block),
		Epoch: int64(u.Epoch), EpochAt: micros(u.EpochAt), Created: micros(u.CreatedAt),
	}
	if u.EmailKey == "" {
		d.EmailKey = d.ID
	}
	err := s.users.insert(ctx, d)
	if err == nil || !mongo.IsDuplicateKeyError(err) {
		return s.fault(ctx, err)
	}
	// Which of them is taken does not depend on the order in which the server
	// looks at its indexes.
	for _, unique := range []struct {
		name, key string
		taken     error
	}{
		{"username_key", u.UsernameKey, account.ErrUsernameTaken},
		{"email_key", u.EmailKey, account.ErrEmailTaken},
	} {
		_, err := s.findBy(ctx, unique.name, unique.key)
		switch {
		case err == nil:
			return unique.taken
		case !errors.Is(err, account.ErrNotFound):
			return err
		}
	}
	return fmt.Errorf("add user %s: the id is in use: %w", u.ID, err)
}

func (s users) Find(ctx context.Context, id account.ID) (account.User, error) {
	answer, err := s.foundUsers.Do(ctx, id)
	switch {
	case err != nil:
		return account.User{}, s.fault(ctx, err)
	case !answer.known:
		return account.User{}, account.ErrNotFound
	}
	return answer.value, nil
}

// findAll is the batch behind Find.
func (s users) findAll(ctx context.Context, ids []account.ID) ([]found[account.User], error) {
	return findAll(ctx, s.users, ids, named, userDocument.user, func(u account.User) account.ID { return u.ID })
}

func (s users) FindByUsername(ctx context.Context, key string) (account.User, error) {
	return s.findBy(ctx, "username_key", key)
}

func (s users) FindByEmail(ctx context.Context, key string) (account.User, error) {
	return s.findBy(ctx, "email_key", key)
}

func (s users) findBy(ctx context.Context, name, key string) (account.User, error) {
	d, err := findOne[userDocument](ctx, s.users, fields{field(name, text(key))})
	return s.one(ctx, d, err)
}

// one is the only document of an answer.
func (s users) one(ctx context.Context, d userDocument, err error) (account.User, error) {
	if errors.Is(err, mongo.ErrNoDocuments) {
		return account.User{}, account.ErrNotFound
	}
	if err != nil {
		return account.User{}, s.fault(ctx, err)
	}
	return d.user()
}

func (s users) List(ctx context.Context, q account.Query) ([]account.User, error) {
	filter := fields{}
	if q.Search != "" {
		begins := fields{field("$gte", text(q.Search))}
		if end, bounded := after(q.Search); bounded {
			begins = append(begins, field("$lt", text(end)))
		}
		filter = append(filter, field("$or", bson.A{fields{field("username_key", begins)}, fields{field("email_key", begins)}}))
	}
	if q.Role != "" {
		filter = append(filter, field("roles", text(q.Role)))
	}
	if q.Blocked != nil {
		if *q.Blocked {
			filter = append(filter, blocked)
		} else {
			filter = append(filter, field("block", nil))
		}
	}
	if !q.Before.IsZero() {
		filter = append(filter, field("_id", fields{field("$lt", named(q.Before))}))
	}
	list, err := find(ctx, s.users, filter, options.Find().SetSort(fields{field("_id", -1)}).SetLimit(page(q.Limit)), userDocument.user)
	return list, s.fault(ctx, err)
}

// blocked is the condition that a user is blocked, for which an index can be used.
var blocked = field("block.at", fields{field("$gte", int64(math.MinInt64))})

func (s users) Count(ctx context.Context) (everyone, held int, err error) {
	var n [2]int
	for i, filter := range []fields{{}, {blocked}} {
		if n[i], err = s.users.count(ctx, filter); err != nil {
			return 0, 0, s.fault(ctx, err)
		}
	}
	return n[0], n[1], nil
}

func (s users) ReplaceHash(ctx context.Context, id account.ID, old, new string) (bool, error) {
	replaced, err := s.users.update(ctx, fields{field("_id", named(id)), field("password_hash", text(old))},
		fields{field("$set", fields{field("password_hash", text(new))})})
	return replaced, s.fault(ctx, err)
}

func (s users) SetPassword(ctx context.Context, id account.ID, hash string, at time.Time) (account.User, error) {
	return s.raise(ctx, fields{field("_id", named(id))}, at, field("password_hash", text(hash)))
}

// SetPasswordIf implements account.Store.
func (s users) SetPasswordIf(ctx context.Context, id account.ID, epoch uint64, hash string, at time.Time) (account.User, bool, error) {
	u, err := s.raise(ctx, fields{field("_id", named(id)), field("epoch", int64(epoch))}, at, field("password_hash", text(hash)))
	if errors.Is(err, account.ErrNotFound) {
		return account.User{}, false, nil
	}
	return u, err == nil, err
}

func (s users) SetRoles(ctx context.Context, id account.ID, roles []string, at time.Time) (account.User, error) {
	return s.raise(ctx, fields{field("_id", named(id))}, at, field("roles", texts(roles)))
}

func (s users) SetBlock(ctx context.Context, id account.ID, block account.Block) (account.User, error) {
	if block.At.IsZero() {
		return s.ClearBlock(ctx, id, block.At)
	}
	return s.raise(ctx, fields{field("_id", named(id))}, block.At, field("block", newBlock(block)))
}

func (s users) ClearBlock(ctx context.Context, id account.ID, at time.Time) (account.User, error) {
	return s.raise(ctx, fields{field("_id", named(id))}, at, bson.E{}, field("$unset", fields{field("block", "")}))
}

// raise changes one thing about a user, and the epoch with it.
func (s users) raise(ctx context.Context, who fields, at time.Time, set bson.E, more ...bson.E) (account.User, error) {
	sets := fields{field("epoch_at", micros(at))}
	if set.Key != "" {
		sets = append(sets, set)
	}
	d, err := change[userDocument](ctx, s.users, who, append(fields{field("$set", sets), field("$inc", fields{field("epoch", int64(1))})}, more...))
	return s.one(ctx, d, err)
}

func (s users) EpochsSince(ctx context.Context, at time.Time) ([]account.EpochChange, error) {
	epochs := options.Find().SetProjection(fields{field("epoch", 1), field("epoch_at", 1)})
	list, err := find(ctx, s.users, fields{field("epoch_at", fields{field("$gte", micros(at))})}, epochs, func(d userDocument) (account.EpochChange, error) {
		id, err := to16(d.ID)
		return account.EpochChange{User: id, Epoch: uint64(d.Epoch), At: instant(d.EpochAt)}, err
	})
	return list, s.fault(ctx, err)
}
