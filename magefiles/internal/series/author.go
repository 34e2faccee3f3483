package series

import (
	"fmt"
	"mime"
	"strings"
	"time"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// Author says who made a change, and when.
type Author struct {
	Name, Email string
	// When has the time zone of the author.
	When time.Time
}

// mailboxLine begins every patch. (Git's own holds the commit's ID, which is another one
// on every tag.)
const mailboxLine = "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\n"

// mailDate is how git writes a date above a patch.
const mailDate = "Mon, 2 Jan 2006 15:04:05 -0700"

// project is the author of a change that names none.
func project() Author {
	return Author{"The steadylet Authors", "steadylet@localhost", time.Date(2026, time.January, 5, 12, 0, 0, 0, time.UTC)}
}

// NewAuthor returns an author as a patch can name one: white space in the name is one
// blank, and who has no name is called by the address.
func NewAuthor(name, email string, when time.Time) Author {
	name = strings.Join(strings.Fields(name), " ")
	if name == "" {
		name = email
	}
	return Author{name, email, when}
}

// authorOf reads the author from the lines above a patch. What they don't say is the
// project's.
func authorOf(header *gitdiff.PatchHeader) Author {
	author := project()
	if who := header.Author; who != nil {
		name, err := new(mime.WordDecoder).DecodeHeader(who.Name)
		if err != nil {
			name = who.Name // it stays as it is
		}
		author = NewAuthor(name, who.Email, author.When)
	}
	if !header.AuthorDate.IsZero() {
		author.When = header.AuthorDate
	}
	return author
}

// String returns the two lines that name the author above a patch.
func (a Author) String() string {
	name := a.Name
	if strings.ContainsAny(name, `()<>[]:;@\,."`) {
		name = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
	}
	return fmt.Sprintf("From: %s <%s>\nDate: %s\n", name, a.Email, a.When.Format(mailDate))
}
