// Election lets two candidates campaign while an observer looks on: one resigns, one goes away.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/clientv3/concurrency"
)

const prefix = "election/"

func session(client *clientv3.Client) *concurrency.Session {
	s, err := concurrency.NewSession(client, concurrency.WithTTL(10))
	if err != nil {
		log.Fatal(err)
	}
	return s
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

	s1, s2, s3 := session(client), session(client), session(client)
	defer s1.Close()
	defer s3.Close()
	alice := concurrency.NewElection(s1, prefix)
	bob := concurrency.NewElection(s2, prefix)
	observer := concurrency.NewElection(s3, prefix)

	_, err = observer.Leader(ctx)
	fmt.Printf("before: %v\n", err)
	leaders := observer.Observe(ctx)
	next := func() {
		response, open := <-leaders
		if !open {
			log.Fatal("the observer's channel is closed")
		}
		fmt.Printf("observed %s\n", response.Kvs[0].Value)
	}

	if err := alice.Campaign(ctx, "alice"); err != nil {
		log.Fatal(err)
	}
	fmt.Println("alice is elected")
	next()
	if err := alice.Proclaim(ctx, "alice again"); err != nil {
		log.Fatal(err)
	}
	next()

	elected := make(chan error, 1)
	campaigning := client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	<-campaigning // created
	seen := 0
	see := func(events int) {
		for seen -= events; seen < 0; {
			response, open := <-campaigning
			if !open || response.Err() != nil {
				log.Fatalf("the watch has ended: %v", response.Err())
			}
			seen += len(response.Events)
		}
	}
	go func() { elected <- bob.Campaign(ctx, "bob") }()
	see(1) // bob's key is there
	select {
	case <-elected:
		log.Fatal("there are two leaders")
	default:
		fmt.Println("bob campaigns")
	}
	leader, err := observer.Leader(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("the leader is %s\n", leader.Kvs[0].Value)

	if err := alice.Resign(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("alice resigns")
	if err := <-elected; err != nil {
		log.Fatal(err)
	}
	fmt.Println("bob is elected")
	next()
	fmt.Printf("alice proclaims: %v\n", alice.Proclaim(ctx, "not any more"))

	go func() { elected <- alice.Campaign(ctx, "alice once more") }()
	see(2) // alice's resignation, alice's new key
	if err := s2.Close(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("bob goes away")
	if err := <-elected; err != nil {
		log.Fatal(err)
	}
	fmt.Println("alice is elected")
	next()
	if err := alice.Resign(ctx); err != nil {
		log.Fatal(err)
	}
	_, err = observer.Leader(ctx)
	fmt.Printf("after: %v\n", err)
}
