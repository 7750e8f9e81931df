package docker

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// The messages are made field by field, as moby.buildkit.v1 numbers them.

func bytesField(number protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), value)
}

func varintField(number protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), value)
}

func message(fields ...[]byte) string { return string(slices.Concat(fields...)) }

func vertex(fields ...[]byte) []byte { return bytesField(1, message(fields...)) }

func logLine(digest, text string) []byte {
	return bytesField(3, message(
		bytesField(1, digest),
		bytesField(2, message(varintField(1, 1700000000))), // timestamp
		varintField(3, 1),                                  // stream
		bytesField(4, text),
	))
}

var (
	started   = bytesField(5, message(varintField(1, 1700000000)))
	completed = bytesField(6, message(varintField(1, 1700000001)))
	cached    = varintField(4, 1)
)

func step(digest, name string, more ...[]byte) []byte {
	return vertex(append([][]byte{
		bytesField(1, digest),
		bytesField(2, "sha256:input"),
		bytesField(3, name),
	}, more...)...)
}

func aux(t testing.TB, fields ...[]byte) json.RawMessage {
	t.Helper()
	data, err := json.Marshal(slices.Concat(fields...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A build's steps are told once each, numbered in the order they begin in,
// with what they print and how they end.
func TestTrace(t *testing.T) {
	run, from := "[2/2] RUN make", "[1/2] FROM scratch"
	for _, tt := range []struct {
		name     string
		messages [][][]byte
		want     string
	}{
		{"done", [][][]byte{
			{step("a", from)}, // not begun
			{step("a", from, started)},
			{step("a", from, started, completed)},
		}, "#1 [1/2] FROM scratch\n#1 DONE\n"},
		{"cached", [][][]byte{{step("a", from, cached, started, completed)}}, "#1 [1/2] FROM scratch\n#1 CACHED\n"},
		{"cached, never begun", [][][]byte{{step("a", from, cached)}}, "#1 [1/2] FROM scratch\n#1 CACHED\n"},
		{"fails", [][][]byte{
			{step("a", run, started)},
			{step("a", run, started, completed, bytesField(7, "exit code: 2"))},
		}, "#1 [2/2] RUN make\n#1 ERROR: exit code: 2\n"},
		{"told again", [][][]byte{
			{step("a", run, started, completed)},
			{step("a", run, started, completed)},
		}, "#1 [2/2] RUN make\n#1 DONE\n"},
		{"output", [][][]byte{
			{step("a", run, started), step("b", "[internal] load", started)},
			{logLine("b", "one\ntwo\r\n"), logLine("a", "no newline")},
			{step("b", "[internal] load", started, completed)},
		}, "#1 [2/2] RUN make\n#2 [internal] load\n#2 one\n#2 two\n#1 no newline\n#2 DONE\n"},
		{"fields of a later BuildKit", [][][]byte{{
			bytesField(9, "later"),
			vertex(
				bytesField(1, "a"), bytesField(3, from), started, completed,
				varintField(20, 1),
				protowire.AppendFixed64(protowire.AppendTag(nil, 21, protowire.Fixed64Type), 1),
				protowire.AppendFixed32(protowire.AppendTag(nil, 22, protowire.Fixed32Type), 1),
			),
		}}, "#1 [1/2] FROM scratch\n#1 DONE\n"},
		{"nothing", [][][]byte{{}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log strings.Builder
			trace := newTrace(&log)
			for _, fields := range tt.messages {
				trace.message(aux(t, fields...))
			}
			if got := log.String(); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// What can be read before a message goes wrong is still told, and nothing that
// comes after.
func TestTraceMalformed(t *testing.T) {
	good, next := step("a", "[1/1] FROM scratch", started), step("b", "never", started)
	for _, tail := range [][]byte{
		next[:len(next)-1],
		append([]byte{0x00, 0x00}, next...), // no field has the number 0
		append([]byte{0x0c}, next...),       // the end of a group that has not begun
	} {
		var log strings.Builder
		newTrace(&log).message(aux(t, good, tail))
		if got, want := log.String(), "#1 [1/1] FROM scratch\n"; got != want {
			t.Errorf("%x: got %q, want %q", tail, got, want)
		}
	}
}

// An aux message that is not base64 in JSON is no progress, and no panic.
func TestTraceNotBase64(t *testing.T) {
	for _, data := range []string{`{}`, `"%"`, `1`, `"`, ``} {
		var log strings.Builder
		newTrace(&log).message(json.RawMessage(data))
		if log.String() != "" {
			t.Errorf("%s: got %q", data, log.String())
		}
	}
}

// FuzzTrace: whatever an engine sends, the decoder comes to an end, and tells
// of no step without a number.
func FuzzTrace(f *testing.F) {
	f.Add(slices.Concat(step("a", "RUN make", started, completed), logLine("a", "out\n")))
	f.Add(step("a", "RUN make", cached)[:5])
	f.Add(bytesField(1, string(bytesField(1, ""))))
	f.Add(varintField(1, 1<<63))
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte{0x0b, 0x0b, 0x0c})
	f.Fuzz(func(t *testing.T, data []byte) {
		var log strings.Builder
		newTrace(&log).message(aux(t, data))
		if text := log.String(); text != "" && !strings.HasPrefix(text, "#") {
			t.Errorf("%x: %q", data, text)
		}
		total := 0
		for _, f := range fields(data) {
			total += 1 + len(f.bytes)
		}
		if total > len(data) {
			t.Errorf("%x: %d bytes of fields in %d", data, total, len(data))
		}
	})
}
