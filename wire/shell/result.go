package shell

// ResultKind marks the value of a shell function among other JSON.
const ResultKind = "shell_result"

// ErrorType is the type of the exception that a command raises which is to be
// checked; its payload has the Result under "result".
const ErrorType = "ShellError"

// Result is the value of a task, as JSON for every language.
type Result struct {
	Kind       string `json:"kind"` // ResultKind
	Cmd        string `json:"cmd"`  // with its values, for people; its beginning if it is long
	ReturnCode int    `json:"returncode"`
	Success    bool   `json:"success"`
	// Stdout and Stderr are the ends of what was written, as valid UTF-8; so
	// many bytes before were left out.
	Stdout        string `json:"stdout"`
	Stderr        string `json:"stderr"`
	StdoutOmitted int64  `json:"stdout_omitted,omitempty"`
	StderrOmitted int64  `json:"stderr_omitted,omitempty"`
	Files         []File `json:"files,omitempty"`
	Dir           string `json:"dir,omitempty"` // the working directory, if it was kept
}

// File is an output file. Links are followed within the working directory.
type File struct {
	Name string `json:"name"` // relative to the working directory, with slashes
	Size int64  `json:"size"`
	Data []byte `json:"data"` // base64
}
