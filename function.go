package yonder

import "time"

// Kinds of functions.
const (
	KindPython = "python"
	KindShell  = "shell" // a command template, see wire/shell
)

// FunctionKinds lists them.
var FunctionKinds = []string{KindPython, KindShell}

// Parameter kinds of a signature, named as Python's inspect module does.
const (
	ParamPositionalOnly = "positional_only"
	ParamPositional     = "positional_or_keyword"
	ParamVarPositional  = "var_positional"
	ParamKeywordOnly    = "keyword_only"
	ParamVarKeyword     = "var_keyword"
)

// Param is one parameter of a function.
type Param struct {
	Name     string `json:"name"`
	Kind     string `json:"kind" enum:"positional_only,positional_or_keyword,var_positional,keyword_only,var_keyword"`
	Required bool   `json:"required"`
}

// Signature is what a call's arguments must fit.
type Signature struct {
	Params []Param `json:"params"`
}

// Requirements are what a function needs of the place where it runs.
type Requirements struct {
	Python   string   `json:"python,omitempty" doc:"exact minor version, like 3.11; empty: any from 3.9 on"`
	Packages []string `json:"packages,omitempty" doc:"top-level modules that must be importable"`
	Walltime float64  `json:"walltime_s,omitempty" minimum:"0" doc:"seconds that a task may run unless its submitter says otherwise; 0: no limit"`
}

// Sharing says who besides the owner may use a thing.
type Sharing struct {
	Everyone   bool `json:"everyone,omitempty" doc:"every identity of the service"`
	Identities []ID `json:"identities,omitempty" doc:"people, service accounts and groups"`
}

// Scopes of a memo: whose calls are answered with results that were kept.
const (
	MemoPrivate = "private" // everybody's with those of their own calls
	MemoShared  = "shared"  // everybody's with those of all
)

// MemoScopes lists them.
var MemoScopes = []string{MemoPrivate, MemoShared}

// Memo says whether results are kept to answer equal calls of a function. The
// zero value: they are not.
type Memo struct {
	Scope      string `json:"scope" enum:"private,shared" doc:"private: a caller is answered with results of their own calls; shared: of all'"`
	Generation int64  `json:"generation,omitempty" doc:"how often what was kept was forgotten"`
}

// IsZero says whether nothing is kept.
func (m Memo) IsZero() bool { return m.Scope == "" }

// Function is registered code. A version is immutable; registering other
// code under the same name and owner makes the next version.
type Function struct {
	ID           ID           `json:"id"`
	Name         string       `json:"name"`
	Version      int          `json:"version" doc:"counts from 1"`
	Kind         string       `json:"kind"`
	Hash         string       `json:"hash" doc:"sha256 of the body, in hex"`
	Owner        ID           `json:"owner"`
	OwnerName    string       `json:"owner_name,omitempty"`
	Description  string       `json:"description,omitempty"`
	Docstring    string       `json:"docstring,omitempty"`
	Signature    *Signature   `json:"signature,omitempty"`
	Requirements Requirements `json:"requirements"`
	Sharing      Sharing      `json:"sharing"`
	Retry        Retry        `json:"retry,omitzero" doc:"for tasks that do not say otherwise"`
	Memo         Memo         `json:"memo,omitzero" doc:"whether results are kept to answer equal calls"`
	Created      time.Time    `json:"created"`
	// Anonymous is a function that was submitted and not registered. All that is
	// said of it makes it what it is: it has one version, and no name leads to it.
	Anonymous bool      `json:"anonymous,omitempty" doc:"submitted, not registered: only its id leads to it"`
	Used      time.Time `json:"used,omitzero" doc:"when an anonymous function was last submitted, within an hour"`
}
