package storage

import (
	"context"

	"github.com/minio/minio-go/v7"
)

// Remains is what lies where a repository should be.
type Remains struct {
	HasConfig, HasKeys, HasBackups bool
}

// LookAtRemains says what the bucket has of a repository. Errors as for Get.
func (c *Client) LookAtRemains(ctx context.Context) (Remains, error) {
	hasConfig, err := c.Exists(ctx, "restic/config")
	if err != nil {
		return Remains{}, err
	}
	remains := Remains{HasConfig: hasConfig}
	for prefix, found := range map[string]*bool{
		"restic/keys/": &remains.HasKeys, "restic/snapshots/": &remains.HasBackups, "restic/data/": &remains.HasBackups,
	} {
		isAny, err := c.anyBelow(ctx, prefix)
		if err != nil {
			return Remains{}, err
		}
		*found = *found || isAny
	}
	return remains, nil
}

// anyBelow tells whether any object's key begins so.
func (c *Client) anyBelow(ctx context.Context, prefix string) (bool, error) {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	options := minio.ListObjectsOptions{Prefix: prefix, Recursive: true, MaxKeys: 1}
	first, isAny := <-c.core.Client.ListObjects(call, c.bucket, options)
	if first.Err != nil {
		return false, c.failure(ctx, "list", prefix, first.Err)
	}
	return isAny, nil
}
