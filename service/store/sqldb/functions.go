package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// PutFunction stores the body as a version of the owner's function of that
// name. Sharing and a retry policy that are not empty replace the function's.
func (s *Store) PutFunction(ctx context.Context, f yonder.Function, body []byte) (put yonder.Function, err error) {
	if f.Anonymous {
		return s.putAnonymous(ctx, f, body)
	}
	err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		head, err := q.UpsertFunction(ctx, gen.UpsertFunctionParams{
			ID: f.ID, Owner: f.Owner, Name: text(f.Name), Created: micros(f.Created),
		})
		if err != nil {
			return err
		}
		if head.Latest == 0 || !unshared(f.Sharing) {
			if err := shareFunction(ctx, q, head.ID, f.Sharing); err != nil {
				return err
			}
		}
		if !f.Retry.IsZero() {
			if err := q.SetFunctionRetry(ctx, head.ID, policy(f.Retry)); err != nil {
				return err
			}
		}
		if !f.Memo.IsZero() {
			if _, err := q.SetMemoScope(ctx, head.ID, f.Memo.Scope); err != nil {
				return err
			}
		}
		version, err := q.FindFunctionVersion(ctx, head.ID, f.Hash)
		if errors.Is(err, sql.ErrNoRows) {
			version = head.Latest + 1
			err = insertVersion(ctx, q, head.ID, version, f, body)
		}
		if err != nil {
			return err
		}
		put, err = getFunction(ctx, q, head.ID, int(version))
		return err
	})
	return put, err
}

func insertVersion(ctx context.Context, q *gen.Queries, id yonder.ID, version int64, f yonder.Function, body []byte) error {
	signature := ""
	if f.Signature != nil {
		signature = document(f.Signature)
	}
	err := q.InsertFunctionVersion(ctx, gen.InsertFunctionVersionParams{
		FunctionID: id, Version: version, Kind: f.Kind, Hash: f.Hash,
		Description: text(f.Description), Docstring: text(f.Docstring), Signature: signature,
		Requirements: document(f.Requirements), Created: micros(f.Created), Body: filled(body),
	})
	if err != nil {
		return err
	}
	search := strings.ToLower(text(f.Name + "\n" + f.Description + "\n" + f.Docstring))
	return q.SetFunctionHead(ctx, id, version, search)
}

// Function returns a version, 0 meaning the newest.
func (s *Store) Function(ctx context.Context, id yonder.ID, version int) (yonder.Function, error) {
	return look(&s.known.functions, versioned{id, version}, func() (f yonder.Function, err error) {
		err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
			f, err = getFunction(ctx, q, id, version)
			return err
		})
		return f, err
	})
}

func getFunction(ctx context.Context, q *gen.Queries, id yonder.ID, version int) (yonder.Function, error) {
	rows, err := q.FunctionVersions(ctx, id, int64(version), 1)
	if err == nil && len(rows) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return yonder.Function{}, found(err, "there is no function %s%s", id, versionName(version))
	}
	return functionOf(gen.ListFunctionsRow(rows[0]))
}

func versionName(version int) string {
	if version == 0 {
		return ""
	}
	return " with that version"
}

// FunctionVersions returns all versions, newest first.
func (s *Store) FunctionVersions(ctx context.Context, id yonder.ID) (list []yonder.Function, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		rows, err := q.FunctionVersions(ctx, id, 0, maxPage)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return found(sql.ErrNoRows, "there is no function %s", id)
		}
		list = make([]yonder.Function, len(rows))
		for i := 0; i < len(rows) && err == nil; i++ {
			list[i], err = functionOf(gen.ListFunctionsRow(rows[i]))
		}
		return err
	})
	return list, err
}

// FunctionBody returns a version's body, 0 meaning the newest.
func (s *Store) FunctionBody(ctx context.Context, id yonder.ID, version int) (body []byte, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		if version == 0 {
			body, err = q.LatestFunctionBody(ctx, id)
		} else {
			body, err = q.FunctionBody(ctx, id, int64(version))
		}
		return found(err, "there is no function %s%s", id, versionName(version))
	})
	return body, err
}

// LeasedFunctionBody returns a body by its hash if the endpoint holds a lease
// of a function with that body, deleted or not.
func (s *Store) LeasedFunctionBody(ctx context.Context, endpoint yonder.ID, hash string) (body []byte, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		body, err = q.LeasedFunctionBody(ctx, endpoint, text(hash))
		return found(err, "the endpoint has no lease of a function with hash %s", hash)
	})
	return body, err
}

// SetFunctionSharing replaces who may use the function.
func (s *Store) SetFunctionSharing(ctx context.Context, id yonder.ID, sharing yonder.Sharing) error {
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		return shareFunction(ctx, q, id, sharing)
	})
}

func shareFunction(ctx context.Context, q *gen.Queries, id yonder.ID, sharing yonder.Sharing) error {
	n, err := q.SetFunctionSharing(ctx, id, sharing.Everyone, document(sharing))
	if err := changed(n, err, yonder.CodeNotFound, "there is no function %s", id); err != nil {
		return err
	}
	return share(ctx, q, id, sharing)
}

// DeleteFunction hides the function and frees its name. Its bodies stay for
// tasks that were accepted before.
func (s *Store) DeleteFunction(ctx context.Context, id yonder.ID) error {
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		n, err := q.DeleteFunction(ctx, id, some(micros(time.Now())))
		if err := changed(n, err, yonder.CodeNotFound, "there is no function %s", id); err != nil {
			return err
		}
		return q.DeleteShares(ctx, id)
	})
}

func functionOf(row gen.ListFunctionsRow) (yonder.Function, error) {
	f := yonder.Function{
		ID: row.ID, Name: row.Name, Version: int(row.Version), Kind: row.Kind, Hash: row.Hash,
		Owner: row.Owner, OwnerName: row.OwnerName, Description: row.Description, Docstring: row.Docstring,
		Created: moment(row.Created), Anonymous: row.Digest != "",
	}
	if f.Anonymous {
		f.Used = moment(row.Used)
	}
	if row.Memo != "" {
		f.Memo = yonder.Memo{Scope: row.Memo, Generation: row.MemoGeneration}
	}
	return f, errors.Join(
		parse(row.Signature, &f.Signature),
		parse(row.Requirements, &f.Requirements),
		parse(row.Sharing, &f.Sharing),
		parse(row.Retry, &f.Retry),
	)
}

// maxWords is the number of words that a search takes.
const maxWords = 8

// ListFunctions lists the newest versions of what the viewer may see, newest
// function first.
func (s *Store) ListFunctions(ctx context.Context, filter store.FunctionFilter) (list []yonder.Function, err error) {
	words, err := patterns(filter.Query)
	if err != nil {
		return nil, err
	}
	arg := gen.ListFunctionsParams{
		Before: after(filter.Page), Anonymous: filter.Anonymous, Owner: filter.Owner, Name: orNull(text(filter.Name)),
		Word1: words[0], Word2: words[1], Word3: words[2], Word4: words[3],
		Word5: words[4], Word6: words[5], Word7: words[6], Word8: words[7],
		Admin: filter.Viewer.Admin, Viewer: filter.Viewer.Identity, Count: limit(filter.Page),
	}
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		rows, err := q.ListFunctions(ctx, arg)
		list = make([]yonder.Function, len(rows))
		for i := 0; i < len(rows) && err == nil; i++ {
			list[i], err = functionOf(rows[i])
		}
		return err
	})
	return list, err
}

// patterns makes a LIKE pattern of every word of a query; absent ones match
// everything.
func patterns(query string) (words [maxWords]string, err error) {
	fields := strings.Fields(strings.ToLower(text(query)))
	if len(fields) > maxWords {
		return words, yonder.FieldErrorf(yonder.CodeInvalidRequest, "q", "a search takes at most %d words, not %d", maxWords, len(fields))
	}
	escape := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
	for i := range words {
		words[i] = "%"
		if i < len(fields) {
			words[i] = "%" + escape.Replace(fields[i]) + "%"
		}
	}
	return words, nil
}
