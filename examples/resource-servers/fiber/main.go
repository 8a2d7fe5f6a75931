// Command fiber is an API on fiber that accepts Watchword's access tokens.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v3"

	"github.com/watchwordauth/watchword/verify"
)

func main() {
	v, err := verify.New(context.Background(), "http://localhost:8080", "watchword")
	if err != nil {
		log.Fatal(err) // the configuration is wrong; a Watchword that is down is not an error
	}
	defer v.Close()
	log.Fatal(api(v).Listen("127.0.0.1:3000"))
}

// require lets a request through with a valid access token that carries one of the
// roles, or any if none is named.
func require(v *verify.Verifier, roles ...string) fiber.Handler {
	return func(c fiber.Ctx) error {
		// fiber is not on net/http: the source of tokens gets what it looks at. Fiber
		// uses the memory of a header again after the request, hence the copy.
		header := http.Header{}
		for _, value := range c.GetReqHeaders()[fiber.HeaderAuthorization] {
			header.Add(fiber.HeaderAuthorization, strings.Clone(value))
		}
		claims, err := v.VerifyRequest((&http.Request{Header: header}).WithContext(c.Context()))
		if err == nil && len(roles) > 0 && !slices.ContainsFunc(roles, claims.Has) {
			err = verify.ErrRole
		}
		if err != nil {
			return refuse(c, verify.Explain(err))
		}
		c.Locals("claims", claims)
		return c.Next()
	}
}

// refuse answers with the problem, as Problem.Write does on net/http.
func refuse(c fiber.Ctx, p verify.Problem) error {
	if p.Challenge != "" {
		c.Set(fiber.HeaderWWWAuthenticate, p.Challenge)
	}
	if p.Status == http.StatusServiceUnavailable {
		c.Set(fiber.HeaderRetryAfter, "2")
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(p.Status).JSON(p, "application/problem+json")
}

func claimsOf(c fiber.Ctx) *verify.Claims { return c.Locals("claims").(*verify.Claims) }

func api(v *verify.Verifier) *fiber.App {
	app := fiber.New()
	app.Get("/", func(c fiber.Ctx) error { return c.SendString("orders are at /orders\n") })
	app.Get("/orders", require(v), func(c fiber.Ctx) error {
		return c.SendString(fmt.Sprintf("the orders of %s\n", claimsOf(c).Username))
	})
	app.Delete("/orders/:id", require(v, "admin"), func(c fiber.Ctx) error {
		return c.SendString(fmt.Sprintf("%s deleted order %s\n", claimsOf(c).Username, c.Params("id")))
	})
	return app
}
