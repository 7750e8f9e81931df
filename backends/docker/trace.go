package docker

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// trace prints BuildKit's progress as plain text. Its messages are protobuf;
// decoding the few fields that are needed spares the whole of BuildKit.
type trace struct {
	log   io.Writer
	steps map[string]int
	ended map[string]bool
}

func newTrace(log io.Writer) *trace {
	return &trace{log: log, steps: map[string]int{}, ended: map[string]bool{}}
}

// message prints one aux message: base64 of a moby.buildkit.v1.StatusResponse.
// What cannot be read is not printed: progress is not worth a failure.
func (t *trace) message(aux json.RawMessage) {
	var data []byte
	if err := json.Unmarshal(aux, &data); err != nil {
		return
	}
	for _, f := range fields(data) {
		switch f.number {
		case 1:
			t.vertex(f.bytes)
		case 3:
			t.output(f.bytes)
		}
	}
}

// vertex prints the beginning and the end of a build step.
func (t *trace) vertex(data []byte) {
	var digest, name, failure string
	var cached, started, completed bool
	for _, f := range fields(data) {
		switch f.number {
		case 1:
			digest = string(f.bytes)
		case 3:
			name = string(f.bytes)
		case 4:
			cached = f.varint != 0
		case 5:
			started = true
		case 6:
			completed = true
		case 7:
			failure = string(f.bytes)
		}
	}
	if !started && !cached {
		return
	}
	step, known := t.steps[digest]
	if !known {
		step = len(t.steps) + 1
		t.steps[digest] = step
		fmt.Fprintf(t.log, "#%d %s\n", step, name)
	}
	if t.ended[digest] {
		return
	}
	switch {
	case failure != "":
		fmt.Fprintf(t.log, "#%d ERROR: %s\n", step, failure)
	case cached:
		fmt.Fprintf(t.log, "#%d CACHED\n", step)
	case completed:
		fmt.Fprintf(t.log, "#%d DONE\n", step)
	default:
		return
	}
	t.ended[digest] = true
}

// output prints what a build step wrote.
func (t *trace) output(data []byte) {
	var digest, text string
	for _, f := range fields(data) {
		switch f.number {
		case 1:
			digest = string(f.bytes)
		case 4:
			text = string(f.bytes)
		}
	}
	for line := range strings.Lines(text) {
		fmt.Fprintf(t.log, "#%d %s\n", t.steps[digest], strings.TrimRight(line, "\r\n"))
	}
}

type field struct {
	number protowire.Number
	bytes  []byte
	varint uint64
}

// fields returns the fields of a protobuf message, up to the first that
// cannot be read.
func fields(data []byte) []field {
	var all []field
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return all
		}
		data = data[n:]
		f := field{number: number}
		switch kind {
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(data)
		case protowire.VarintType:
			f.varint, n = protowire.ConsumeVarint(data)
		default:
			n = protowire.ConsumeFieldValue(number, kind, data)
		}
		if n < 0 {
			return all
		}
		data = data[n:]
		all = append(all, f)
	}
	return all
}
