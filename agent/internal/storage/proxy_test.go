package storage

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// settingsBehind are of a platform that only a proxy would lead to.
func settingsBehind(t *testing.T) Settings {
	return Settings{
		Endpoint: "https://s3.smileo.example:7443", Region: "default", Bucket: "bucket", CAFile: foreignAuthority(t),
		AccessKeyID: "AK", SecretAccessKey: "SK",
	}
}

// Go reads the variables once in a process, so that each proxy needs one of its own.
func TestAProxyThatGivesNoWayIsNamed(t *testing.T) {
	if os.Getenv("COFFRE_TEST_PROXY") != "" {
		client, err := Open(settingsBehind(t))
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Get(context.Background(), "orders", 100)
		t.Fatal(err)
	}
	for name, answer := range map[string]string{
		"refuses": "", "407": "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "502": "HTTP/1.1 502 Bad Gateway\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			address := listener.Addr().String()
			if answer == "" {
				_ = listener.Close() // It only lent its port.
			} else {
				defer func() { _ = listener.Close() }() // The test is over.
				go serve(listener, answer)
			}
			began := time.Now()
			command := exec.Command(os.Args[0], "-test.run", "^TestAProxyThatGivesNoWayIsNamed$")
			command.Env = append(os.Environ(), "COFFRE_TEST_PROXY=1", "NO_PROXY=", "HTTPS_PROXY=http://anna:hunter2@"+address)
			output, _ := command.CombinedOutput()
			said := string(output)
			if !strings.Contains(said, "through the proxy "+address+": storage unreachable") {
				t.Fatal(said)
			}
			if strings.Contains(said, "hunter2") || time.Since(began) > callTimeout {
				t.Fatal(said)
			}
		})
	}
}

func serve(listener net.Listener, answer string) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		request := make([]byte, 4096)
		if _, err := connection.Read(request); err == nil {
			_, _ = connection.Write([]byte(answer))
		}
		_ = connection.Close()
	}
}
