//go:build unix

package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const secrets = `{"access_key_id":"AK","secret_access_key":"sekrit","repository_password":"pass word"}`

func machine(endpoint string) string {
	key := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	return fmt.Sprintf(`{"version":1,"tenant_id":"t","machine":"m","endpoint":%q,"region":"default","bucket":"b",`+
		`"ca_file":"/etc/coffre/ca.pem","signing_public_key":%q,"repository":"s3:https://h/b/restic"}`, endpoint, key)
}

func install(t *testing.T, machine, credentials string) Paths {
	t.Helper()
	paths := Paths{Root: t.TempDir()}
	if err := os.MkdirAll(filepath.Dir(paths.Machine()), 0o755); err != nil {
		t.Fatal(err)
	}
	for path, body := range map[string]string{paths.Machine(): machine, paths.Credentials(): credentials} {
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

func TestPrivateConfigurationIsRead(t *testing.T) {
	paths := install(t, machine("https://h:1"), secrets)
	machine, credentials, err := Load(paths)
	if err != nil {
		t.Fatal(err)
	}
	if machine.CAFile != filepath.Join(paths.Root, "etc/coffre/ca.pem") || credentials.AccessKeyID != "AK" {
		t.Fatalf("%+v", machine)
	}
	if key, err := machine.PublicKey(); err != nil || len(key) != 32 {
		t.Fatal(err)
	}
}

func TestProgramsComeFromTheNamedBucketAndFormerConfigurationsNameNone(t *testing.T) {
	former := machine("https://h:1")
	named := strings.Replace(former, `"bucket":"b"`, `"bucket":"b","programs_bucket":"programs-of-paris"`, 1)
	for configuration, want := range map[string]string{former: "coffre-programs", named: "programs-of-paris"} {
		machine, _, err := Load(install(t, configuration, secrets))
		if err != nil || machine.ProgramsBucket != want {
			t.Errorf("%q instead of %q: %v", machine.ProgramsBucket, want, err)
		}
	}
}

func TestUnsafeOrBrokenConfigurationIsRefused(t *testing.T) {
	good := machine("https://h:1")
	for name, test := range map[string]struct {
		machine, credentials string
		spoil                func(Paths) error
		want                 string
	}{
		"readable by the group": {good, secrets, func(p Paths) error { return os.Chmod(p.Credentials(), 0o640) }, "0640"},
		"readable by others":    {good, secrets, func(p Paths) error { return os.Chmod(p.Machine(), 0o604) }, "0604"},
		"missing":               {good, secrets, func(p Paths) error { return os.Remove(p.Machine()) }, "cannot read"},
		"a link": {good, secrets, func(p Paths) error {
			return errors.Join(os.Rename(p.Machine(), p.Machine()+"2"), os.Symlink(p.Machine()+"2", p.Machine()))
		}, "agent.json is a link"},
		"behind a link": {good, secrets, func(p Paths) error {
			folder := p.Configuration()
			return errors.Join(os.Rename(folder, folder+"2"), os.Symlink(folder+"2", folder))
		}, "etc/coffre is a link"},
		"in a folder that others write": {good, secrets, func(p Paths) error {
			return os.Chmod(p.Configuration(), 0o777)
		}, "can be written by others"},
		"not JSON":         {good, "{sekrit", nil, "credentials.json is not the expected JSON"},
		"missing field":    {good, strings.Replace(secrets, "AK", "", 1), nil, "access_key_id"},
		"other version":    {strings.Replace(good, `"version":1`, `"version":7`, 1), secrets, nil, "version 7"},
		"open line":        {machine("http://h:1"), secrets, nil, "not an https address"},
		"missing endpoint": {machine(""), secrets, nil, "endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			paths := install(t, test.machine, test.credentials)
			if test.spoil != nil {
				if err := test.spoil(paths); err != nil {
					t.Fatal(err)
				}
			}
			_, _, err := Load(paths)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if strings.Contains(err.Error(), "sekrit") {
				t.Fatalf("a secret is in %q", err)
			}
		})
	}
}

func TestConfigurationOfAnotherUserIsRefused(t *testing.T) {
	if err := checkOwner("f", 1000, 0); err == nil || !strings.Contains(err.Error(), "belongs to user 1000") {
		t.Fatal(err)
	}
	if err := checkOwner("f", 0, 0); err != nil {
		t.Fatal(err)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	credentials := Credentials{"AK", "sekrit", "pass word"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, credentials); strings.Contains(text, "sekrit") || strings.Contains(text, "pass") {
			t.Errorf("%s: %s", format, text)
		}
	}
	if got := credentials.Redact("a sekrit and a pass word"); got != "a *** and a ***" {
		t.Fatal(got)
	}
}
