package admit

import (
	"fmt"
	"slices"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Signature refuses calls that the function would refuse with a TypeError.
// A function without a known signature takes anything.
func Signature(f yonder.Function, shapes []wire.Shape) error {
	if f.Signature == nil {
		return nil
	}
	for _, shape := range shapes {
		if err := call(f.Name, f.Signature.Params, shape); err != nil {
			return err
		}
	}
	return nil
}

// call binds a call's arguments to parameters, as Python does.
func call(name string, params []yonder.Param, shape wire.Shape) error {
	left, keywords := shape.Positional, slices.Clone(shape.Keywords)
	takes, rest := 0, false // positional parameters; **kwargs
	for _, p := range params {
		switch p.Kind {
		case yonder.ParamPositionalOnly, yonder.ParamPositional:
			takes++
			bound := left > 0
			left = max(0, left-1)
			given := p.Kind == yonder.ParamPositional && take(&keywords, p.Name)
			if bound && given {
				return mismatch(p.Name, "%s() got two values for the parameter %q, one by position and one by name", name, p.Name)
			}
			if p.Required && !bound && !given {
				return mismatch(p.Name, "%s() is missing the argument %q", name, p.Name)
			}
		case yonder.ParamVarPositional:
			left = 0
		case yonder.ParamKeywordOnly:
			if !take(&keywords, p.Name) && p.Required {
				return mismatch(p.Name, "%s() is missing the argument %q, which is given by name", name, p.Name)
			}
		case yonder.ParamVarKeyword:
			rest = true
		}
	}
	if left > 0 {
		return mismatch("args", "%s() takes %s, and %s given", name,
			number(takes, "positional argument", "positional arguments"), number(shape.Positional, "was", "were"))
	}
	if len(keywords) > 0 && !rest {
		return mismatch(keywords[0], "%s() has no parameter %q", name, keywords[0])
	}
	return nil
}

func number(n int, one, more string) string {
	if n == 1 {
		more = one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// take removes the name from the keywords and says whether it was there.
func take(keywords *[]string, name string) bool {
	i := slices.Index(*keywords, name)
	if i < 0 {
		return false
	}
	*keywords = slices.Delete(*keywords, i, i+1)
	return true
}

func mismatch(parameter, format string, args ...any) error {
	return yonder.FieldErrorf(yonder.CodeInvalidArguments, parameter, format, args...)
}
