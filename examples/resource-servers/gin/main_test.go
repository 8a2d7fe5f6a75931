package main

import (
	"testing"

	"github.com/watchwordauth/watchword/examples/resource-servers/story"
)

func TestTheStory(t *testing.T) { story.Tell(t, api) }
