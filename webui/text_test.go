package webui

import (
	"encoding/json"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sources are the pages, their scripts and the code, tests aside.
func sources(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*.go", "*.html", "assets/*.js"} {
		names, err := fs.Glob(os.DirFS("."), pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") || name == "assets/client.js" {
				continue
			}
			body, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = string(body)
		}
	}
	return all
}

func TestEveryTextThatIsAskedForIsThere(t *testing.T) {
	t.Parallel()
	all, err := readTexts(nil)
	if err != nil {
		t.Fatal(err)
	}
	asked := regexp.MustCompile(`\bt\(?\s?"([a-z]+(?:\.\w+)*)"|texts\["([a-z]+(?:\.\w+)+)"\]|"((?:signin|signup|signout|account|profile|password|sessions|device|dialog|date|wait|nothing|refused)\.[a-z_]+)"`)
	found := 0
	for name, source := range sources(t) {
		for _, match := range asked.FindAllStringSubmatch(source, -1) {
			key := match[1] + match[2] + match[3]
			found++
			if slices.Contains([]string{".html", ".css", ".js", ".svg"}, key[max(0, strings.LastIndexByte(key, '.')):]) {
				continue // a file
			}
			_, ok := all[key]
			if strings.HasPrefix(name, "assets/admin") && !ok {
				_, ok = all["admin."+key] // the console's scripts leave that out
			}
			if !ok {
				t.Errorf("%s asks for %q, which is not in texts.json", name, key)
			}
		}
	}
	if found < 80 {
		t.Fatalf("found %d texts only", found)
	}
}

func TestNoTextIsThereForNothing(t *testing.T) {
	t.Parallel()
	all, err := readTexts(nil)
	if err != nil {
		t.Fatal(err)
	}
	var everything strings.Builder
	for _, source := range sources(t) {
		everything.WriteString(source)
	}
	for key := range all {
		prefix, _, _ := strings.Cut(key, ".")
		if slices.Contains([]string{"problem", "ended", "admin"}, prefix) {
			continue // asked for by what the server says
		}
		if !strings.Contains(everything.String(), `"`+key+`"`) {
			t.Errorf("nobody asks for %q", key)
		}
	}
}

func TestATranslationIsPutOverTheEnglish(t *testing.T) {
	t.Parallel()
	all, err := readTexts([]byte(`{"lang": "de", "signin.title": "Anmelden", "wait.seconds": "{n} Sekunden"}`))
	if err != nil {
		t.Fatal(err)
	}
	if all["signin.title"] != "Anmelden" || all["signup.title"] != "Create your account" || all["lang"] != "de" {
		t.Errorf("got %q, %q, %q", all["signin.title"], all["signup.title"], all["lang"])
	}
	for name, translation := range map[string]string{
		"no JSON":          `lang = "de"`,
		"no language":      `{"signin.title": "Anmelden"}`,
		"an unknown key":   `{"lang": "de", "signin.titel": "Anmelden"}`,
		"an unknown place": `{"lang": "de", "wait.seconds": "{m} Sekunden"}`,
		"nested":           `{"lang": "de", "signin": {"title": "Anmelden"}}`,
	} {
		if err := CheckTexts([]byte(translation)); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// A script is made of the texts: nothing in them may end it.
func TestTheScriptOfTheTextsIsOne(t *testing.T) {
	t.Parallel()
	nasty := texts{"signin.title": "</script>\u2028\"; alert(1) //", "admin.x": "y"}
	script := string(nasty.script(false))
	encoded, found := strings.CutPrefix(script, "export default ")
	if !found || strings.ContainsAny(script, "<\u2028") {
		t.Fatalf("got %s", script)
	}
	var back texts
	if err := json.Unmarshal([]byte(strings.TrimSuffix(encoded, ";\n")), &back); err != nil || back["signin.title"] != nasty["signin.title"] || len(back) != 1 {
		t.Errorf("got %v, %v", back, err)
	}
}

// What a user's browser loads for the pages, the console aside.
func TestThePagesAreSmall(t *testing.T) {
	t.Parallel()
	all, err := readTexts(nil)
	if err != nil {
		t.Fatal(err)
	}
	look, err := Brand{}.theme()
	if err != nil {
		t.Fatal(err)
	}
	packed, err := packAssets(all, look)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for name, a := range packed.byName {
		if strings.HasPrefix(name, "admin") || strings.HasSuffix(name, ".svg") {
			continue
		}
		if a.compressed == nil {
			total += len(a.body)
		} else {
			total += len(a.compressed)
		}
	}
	if total > 20_000 {
		t.Errorf("scripts, texts and stylesheets have %d bytes, compressed", total)
	}
	t.Logf("%d bytes", total)
}
