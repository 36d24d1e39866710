// Discovery registers services under leases and follows who is there by a watch.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"go.etcd.io/etcd/clientv3"
)

const prefix = "services/"

// register announces a service for as long as keepAlive lives.
func register(ctx, keepAlive context.Context, client *clientv3.Client, name, address string) clientv3.LeaseID {
	lease, err := client.Grant(ctx, 2)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.Put(ctx, prefix+name, address, clientv3.WithLease(lease.ID)); err != nil {
		log.Fatal(err)
	}
	answers, err := client.KeepAlive(keepAlive, lease.ID)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for range answers {
		}
	}()
	return lease.ID
}

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

	register(ctx, ctx, client, "api/1", "10.0.0.1:80")

	// What is there now, and then every change after it.
	known := map[string]string{}
	list, err := client.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		log.Fatal(err)
	}
	for _, kv := range list.Kvs {
		known[string(kv.Key)] = string(kv.Value)
		fmt.Printf("found %s at %s\n", kv.Key, kv.Value)
	}
	changes := client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithPrevKV(),
		clientv3.WithRev(list.Header.Revision+1))
	next := func() {
		response, open := <-changes
		if !open || response.Err() != nil {
			log.Fatalf("the watch has ended: %v", response.Err())
		}
		for _, event := range response.Events {
			if event.Type == clientv3.EventTypePut {
				known[string(event.Kv.Key)] = string(event.Kv.Value)
				fmt.Printf("joined: %s at %s\n", event.Kv.Key, event.Kv.Value)
			} else {
				delete(known, string(event.Kv.Key))
				fmt.Printf("left: %s at %s\n", event.Kv.Key, event.PrevKv.Value)
			}
		}
	}

	crashCtx, crash := context.WithCancel(ctx)
	register(ctx, crashCtx, client, "api/2", "10.0.0.2:80")
	next()
	leaving := register(ctx, ctx, client, "db/1", "10.0.0.3:5432")
	next()
	fmt.Printf("%d services\n", len(known))

	fmt.Println("db/1 signs off")
	if _, err := client.Revoke(ctx, leaving); err != nil {
		log.Fatal(err)
	}
	next()

	fmt.Println("api/2 crashes")
	crash()
	next()

	list, err = client.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		log.Fatal(err)
	}
	for _, kv := range list.Kvs {
		fmt.Printf("still there: %s at %s\n", kv.Key, known[string(kv.Key)])
	}
}
