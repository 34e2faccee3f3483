package predict

import (
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// object reads the object that comes next, or null, which has no members. member is
// called with each name, and reads the value.
func object(d *jsontext.Decoder, member func(name string) error) error {
	begun, err := begin(d, jsontext.KindBeginObject, "an object")
	if !begun || err != nil {
		return err
	}
	for d.PeekKind() != jsontext.KindEndObject {
		quoted, err := d.ReadValue()
		if err != nil {
			return err
		}
		if err := member(unquoted(quoted)); err != nil {
			return err
		}
	}
	_, err = d.ReadToken()
	return err
}

// array reads the array that comes next, or null. element reads each of its elements.
func array(d *jsontext.Decoder, element func() error) error {
	begun, err := begin(d, jsontext.KindBeginArray, "a list")
	if !begun || err != nil {
		return err
	}
	for d.PeekKind() != jsontext.KindEndArray {
		if err := element(); err != nil {
			return err
		}
	}
	_, err = d.ReadToken()
	return err
}

// begin reads the start of what must come next. It hasn't begun where null comes instead.
func begin(d *jsontext.Decoder, kind jsontext.Kind, what string) (begun bool, err error) {
	token, err := d.ReadToken()
	if err != nil {
		return false, err
	}
	switch token.Kind() {
	case kind:
		return true, nil
	case jsontext.KindNull:
		return false, nil
	}
	return false, mismatch(d, what)
}

// text reads the string that comes next, or null, into to.
func text(d *jsontext.Decoder, to *string) error {
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	switch token.Kind() {
	case jsontext.KindString:
		*to = token.String()
		return nil
	case jsontext.KindNull:
		return nil
	}
	return mismatch(d, "a string")
}

// mismatch says what should have been there. It quotes names only, no values.
func mismatch(d *jsontext.Decoder, want string) error {
	return fmt.Errorf("%s is not %s", strconv.QuoteToASCII(string(d.StackPointer())), want)
}
