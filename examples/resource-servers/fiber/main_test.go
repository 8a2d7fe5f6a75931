package main

import (
	"net/http"
	"testing"

	"github.com/gofiber/fiber/v3/middleware/adaptor"

	"github.com/watchwordauth/watchword/examples/resource-servers/story"
	"github.com/watchwordauth/watchword/verify"
)

func TestTheStory(t *testing.T) {
	story.Tell(t, func(v *verify.Verifier) http.Handler { return adaptor.FiberApp(api(v)) })
}
