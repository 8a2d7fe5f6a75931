package main

import (
	"fmt"
	"os"

	"github.com/watchwordauth/watchword/webui"
)

// readPages reads the files that the pages' settings name, and judges all of
// them, before anything is made.
func (c *config) readPages() error {
	for _, file := range []struct {
		name, path string
		into       *[]byte
	}{{"brand-logo", c.LogoFile, &c.Brand.Logo}, {"texts", c.TextsFile, &c.Texts}} {
		if file.path == "" {
			continue
		}
		body, err := os.ReadFile(file.path)
		if err != nil {
			return mend(fmt.Errorf("%s: %w", c.given[file.name], err), "name a file that this user can read")
		}
		if len(body) == 0 {
			return mend(fmt.Errorf("%s: %s is empty", c.given[file.name], file.path), "leave the setting out to have the default")
		}
		*file.into = body
	}
	if err := c.Brand.Check(); err != nil {
		return mend(err, "see brand-name, brand-logo and brand-color in 'watchword serve --help'")
	}
	if err := webui.CheckTexts(c.Texts); err != nil {
		return mend(fmt.Errorf("%s: %s: %w", c.given["texts"], c.TextsFile, err), "start from webui/texts.json of this release")
	}
	return nil
}
