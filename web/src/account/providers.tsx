// The accounts at sign-in providers that sign you in: linked and unlinked by yourself.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { LogIn, Unlink } from 'lucide-react'
import { useState } from 'react'
import { api, ok } from '../api/client'
import { Button, IconButton } from '../kit/button'
import { ErrorBox } from '../kit/error'
import { notify, notifyError } from '../kit/notice'
import { Ago } from '../kit/time'
import { Card, Section } from '../shell/header'
import { Row } from './row'

const KEY = ['identities']

const REFUSED: Record<string, string> = {
  identity_taken: 'That account belongs to another person here.',
  identity_linked: 'You are linked to another account there. Unlink it first.',
  provider_refused: 'The provider did not let you in.',
  provider_failed: 'The provider cannot be used now.',
  state: 'It took too long, or was begun in another browser.',
}

export function Providers() {
  const client = useQueryClient()
  const [refused] = useState(() => new URLSearchParams(window.location.search).get('error'))
  const mine = useQuery({ queryKey: KEY, queryFn: ({ signal }) => ok(api.GET('/api/v1/auth/identities', { signal })) })
  const all = useQuery({ queryKey: ['provider-links'], queryFn: ({ signal }) => ok(api.GET('/api/v1/auth/providers', { signal })) })
  const link = useMutation({
    mutationFn: (provider: string) => ok(api.POST('/api/v1/auth/identities/{provider}/link', { params: { path: { provider } } })),
    onSuccess: ({ location }) => window.location.assign(location),
    onError: (error) => notifyError('link it', error),
  })
  const unlink = useMutation({
    mutationFn: (provider: string) => ok(api.DELETE('/api/v1/auth/identities/{provider}/link', { params: { path: { provider } } })),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: KEY })
      notify('It does not sign you in any more.')
    },
    onError: (error) => notifyError('unlink it', error),
  })
  const linked = mine.data?.items ?? []
  const others = (all.data?.items ?? []).filter((provider) => !linked.some((each) => each.slug === provider.slug))
  if (mine.error !== null) return <ErrorBox error={mine.error} doing="read what signs you in" onRetry={() => void mine.refetch()} />
  if (linked.length + others.length === 0) return null
  return (
    <Section title="Sign-in providers" about="An account there signs you in here, beside your password.">
      {refused !== null && <p role="alert" className="text-13 text-failed">Nothing was linked. {REFUSED[refused] ?? 'Try it once more.'}</p>}
      <Card className="divide-y divide-line">
        {linked.map((each) => (
          <Row
            key={each.slug}
            icon={LogIn}
            title={each.name}
            about={<>Linked <Ago at={each.created_at} />, used <Ago at={each.last_used_at} /></>}
            action={<IconButton icon={Unlink} label={`Unlink ${each.name}`} disabled={unlink.isPending} onClick={() => unlink.mutate(each.slug)} />}
          />
        ))}
        {others.map((each) => (
          <Row
            key={each.slug}
            icon={LogIn}
            title={each.name}
            about="Not linked"
            action={
              <Button small isPending={link.isPending} onClick={() => link.mutate(each.slug)}>
                Link
              </Button>
            }
          />
        ))}
      </Card>
    </Section>
  )
}
