package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const mongodbURL = "WATCHWORD_TEST_MONGODB_URL"

// openMongoDB measures the MongoDB that the environment names. Where it names none FerretDB
// stands in, which says whether the store works and not how fast it is.
func openMongoDB(ctx context.Context, folder string) (*database, error) {
	address, end := os.Getenv(mongodbURL), func() error { return nil }
	real := address != ""
	if !real {
		var err error
		if address, end, err = standIn(ctx, folder); err != nil {
			return nil, fmt.Errorf("%w: %w", errNoServer, err)
		}
	}
	name := own()
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s is not a URL", mongodbURL), end())
	}
	query := u.Query()
	if u.User != nil && !query.Has("authSource") { // the user is of the database that is named
		if query.Set("authSource", "admin"); len(u.Path) > 1 {
			query.Set("authSource", u.Path[1:])
		}
		u.RawQuery = query.Encode()
	}
	u.Path = "/" + name
	client, err := mongo.Connect(options.Client().ApplyURI(u.String()))
	if err != nil {
		return nil, errors.Join(err, end())
	}
	m := mongodb{client.Database(name)}
	db := &database{
		folder: folder, environment: shared(u.String()),
		seed: m.multiply,
		counters: func(ctx context.Context, _ string) (counters, error) {
			return m.counters(ctx), nil
		},
		size: m.size,
		drop: func() error {
			ctx := context.WithoutCancel(ctx)
			return errors.Join(m.Drop(ctx), client.Disconnect(ctx), end())
		},
	}
	var build struct{ Version string }
	if err := m.RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&build); err != nil {
		return nil, errors.Join(err, db.drop())
	}
	if real {
		db.about = fmt.Sprintf("a server that says it is MongoDB %s, where %s says", build.Version, mongodbURL)
		return db, nil
	}
	db.about = "FerretDB on SQLite stands in, since " + mongodbURL + " does not say where a MongoDB is. A relay before it lets\n" +
		"  one command through at a time, and it reads all sessions at each: so there are few. These figures say nothing about a real MongoDB"
	return db, nil
}

// errNoServer says that a store is not measured, rather than that it fails.
var errNoServer = errors.New("no server")

// fewOnStandIn is how many sessions the stand-in gets, if it is used: it reads all of them at each command.
func fewOnStandIn() int {
	if os.Getenv(mongodbURL) != "" {
		return 0
	}
	return 200
}

// standIn starts FerretDB behind its relay. Its program is of a module of its own.
func standIn(ctx context.Context, folder string) (address string, end func() error, err error) {
	data, program := filepath.Join(folder, "ferretdb"), filepath.Join(folder, "server")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", nil, err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./server")
	build.Dir = filepath.Join("store", "mongostore", "ferretdb")
	if output, err := build.CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("build FerretDB: %w\n%s", err, output)
	}
	cmd := exec.CommandContext(ctx, program, "-relay", data)
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	end = func() error { // it ends with its input
		return errors.Join(input.Close(), second(io.Copy(io.Discard, output)), cmd.Wait())
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("FerretDB did not start: %w", err), end())
	}
	return strings.TrimSpace(line), end, nil
}

// mongodb is a database on a server that speaks MongoDB's language.
type mongodb struct{ *mongo.Database }

// multiply makes all sessions of the first one, which a user began: but for the id and
// their birth they are copies of it.
func (m mongodb) multiply(ctx context.Context, s seeds) error {
	sessions := m.Collection("watchword_sessions")
	var first bson.D
	if err := sessions.FindOne(ctx, bson.D{}).Decode(&first); err != nil {
		return err
	}
	const chunk = 1000
	var pile []any
	for n := range s.count {
		id := s.id(n)
		one := append(bson.D{}, first...)
		for i, field := range one {
			switch field.Key {
			case "_id":
				one[i].Value = bson.Binary{Subtype: field.Value.(bson.Binary).Subtype, Data: id[:]}
			case "created":
				one[i].Value = field.Value.(int64) - int64(n)
			}
		}
		if pile = append(pile, one); len(pile) == chunk || n == s.count-1 {
			if _, err := sessions.InsertMany(ctx, pile); err != nil {
				return err
			}
			pile = pile[:0]
		}
	}
	return nil
}

// counters is what the server counts of its commands. A user who may not ask for it
// gets no counts.
func (m mongodb) counters(ctx context.Context) (c counters) {
	status, err := m.RunCommand(ctx, bson.D{{Key: "serverStatus", Value: 1}}).Raw()
	if err != nil {
		return counters{}
	}
	count := func(path ...string) float64 {
		n, _ := status.Lookup(path...).AsInt64OK() // what is not counted is 0
		return float64(n)
	}
	for command, writes := range map[string]bool{"find": false, "getMore": false, "insert": true, "update": true, "delete": true, "findAndModify": true} {
		n := count("metrics", "commands", command, "total")
		if c.statements += n; writes {
			c.commits += n
		}
	}
	c.log = count("wiredTiger", "log", "log bytes written")
	return c
}

func (m mongodb) size(ctx context.Context) (table, index float64, err error) {
	var stats struct {
		StorageSize    float64 `bson:"storageSize"`
		TotalIndexSize float64 `bson:"totalIndexSize"`
	}
	err = m.RunCommand(ctx, bson.D{{Key: "collStats", Value: "watchword_sessions"}}).Decode(&stats)
	return stats.StorageSize, stats.TotalIndexSize, err
}

// second is the error of a call that returns a value, too.
func second[T any](_ T, err error) error { return err }
