package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// saveLeft writes what differs of what pull requests leave behind.
func saveLeft(ctx context.Context, tx *sql.Tx, before, after []run.Left) error {
	same := func(x run.Left) func(run.Left) bool {
		return func(o run.Left) bool { return o.Holder.Is(x.Holder) && o.Project == x.Project }
	}
	for _, x := range before {
		if slices.ContainsFunc(after, same(x)) {
			continue
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM left_behind WHERE repository_id = ? AND pull_request = ? AND project = ?`,
			x.Holder.Repository.ID, x.Holder.PullRequest, x.Project); err != nil {
			return err
		}
	}
	for i := range after {
		x := &after[i]
		x.At = stored(x.At)
		if was := slices.IndexFunc(before, same(*x)); was >= 0 && slices.Equal(before[was].Keys, x.Keys) && before[was].Merged == x.Merged {
			continue
		}
		keys, err := json.Marshal(x.Keys)
		if err != nil {
			return err
		}
		h := x.Holder
		if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO left_behind (repository_id, pull_request, project, owner, name, installation_id, keys,
			merged, left_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, h.Repository.ID, h.PullRequest, x.Project, h.Repository.Owner, h.Repository.Name,
			h.Repository.InstallationID, string(keys), x.Merged, millis(x.At)); err != nil {
			return err
		}
	}
	return nil
}

func oneLeft(row scanner) (x run.Left, err error) {
	var at int64
	var keys string
	h := &x.Holder
	if err := row.Scan(&h.Repository.ID, &h.PullRequest, &x.Project, &h.Repository.Owner, &h.Repository.Name, &h.Repository.InstallationID, &keys,
		&x.Merged, &at); err != nil {
		return x, err
	}
	x.At = time.UnixMilli(at).UTC()
	return x, json.Unmarshal([]byte(keys), &x.Keys)
}

// saveDone writes what differs of whose checks count a project as done.
func saveDone(ctx context.Context, tx *sql.Tx, before, after []run.Done) error {
	had, has := map[run.Done]bool{}, map[run.Done]bool{}
	for _, d := range before {
		had[d] = true
	}
	for _, d := range after {
		has[d] = true
	}
	for _, d := range before {
		if has[d] {
			continue
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM done_projects WHERE key = ? AND repository_id = ? AND pull_request = ?`,
			d.Key, d.Holder.Repository.ID, d.Holder.PullRequest); err != nil {
			return err
		}
	}
	for _, d := range after {
		if had[d] {
			continue
		}
		r := d.Holder.Repository
		if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO done_projects (key, repository_id, pull_request, owner, name, installation_id)
			VALUES (?, ?, ?, ?, ?, ?)`, d.Key, r.ID, d.Holder.PullRequest, r.Owner, r.Name, r.InstallationID); err != nil {
			return err
		}
	}
	return nil
}

func oneDone(row scanner) (d run.Done, err error) {
	r := &d.Holder.Repository
	err = row.Scan(&d.Key, &r.ID, &d.Holder.PullRequest, &r.Owner, &r.Name, &r.InstallationID)
	return d, err
}
