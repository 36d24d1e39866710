// Lease binds a key to a lease of five seconds and sees the key go.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"go.etcd.io/etcd/clientv3"
)

func main() {
	log.SetFlags(0)
	client, err := clientv3.New(clientv3.Config{
		Endpoints:   os.Args[1:2],
		DialTimeout: 5 * time.Second,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()

	// Before the request: the server's five seconds begin later than this.
	granted := time.Now()
	lease, err := client.Grant(ctx, 5)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("granted a lease of %d s\n", lease.TTL)

	put, err := client.Put(ctx, "lease/key", "short-lived", clientv3.WithLease(lease.ID))
	if err != nil {
		log.Fatal(err)
	}
	got, err := client.Get(ctx, "lease/key")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("the key is there: %q, with the lease: %t\n", got.Kvs[0].Value,
		clientv3.LeaseID(got.Kvs[0].Lease) == lease.ID)
	ttl, err := client.TimeToLive(ctx, lease.ID, clientv3.WithAttachedKeys())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("the lease of %d s holds %q\n", ttl.GrantedTTL, ttl.Keys)

	// From the revision after the put on, so that nothing is missed.
	for response := range client.Watch(ctx, "lease/key", clientv3.WithRev(put.Header.Revision+1)) {
		if err := response.Err(); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("the key is gone: %s\n", response.Events[0].Type)
		break
	}
	took := time.Since(granted)
	fmt.Printf("not before its time: %t, soon after it: %t\n",
		took >= 5*time.Second, took < 10*time.Second)

	got, err = client.Get(ctx, "lease/key")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("get: %d found\n", got.Count)
	ttl, err = client.TimeToLive(ctx, lease.ID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("the lease has %d s to live\n", ttl.TTL)
	_, err = client.Revoke(ctx, lease.ID)
	fmt.Printf("revoke: %v\n", err)
	_, err = client.Put(ctx, "lease/key", "too late", clientv3.WithLease(lease.ID))
	fmt.Printf("put: %v\n", err)
}
