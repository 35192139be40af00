// When a page cannot be shown at all.

import { Compass } from 'lucide-react'
import { ButtonLink } from '../kit/button'
import { Empty } from '../kit/empty'
import { ErrorBox } from '../kit/error'
import { Content, Header } from './header'

export function NotFound() {
  return (
    <>
      <Header title="Not found" isLost />
      <Content>
        <Empty
          icon={Compass}
          title="There is no such page"
          action={
            <ButtonLink to="/" look="main">
              Go to the overview
            </ButtonLink>
          }
        >
          The address may be mistyped, or what it showed is gone.
        </Empty>
      </Content>
    </>
  )
}

export function Broken({ error }: { error: unknown }) {
  return (
    <div className="p-4 sm:p-6">
      <ErrorBox error={error} doing="show this page" onRetry={() => window.location.reload()} />
    </div>
  )
}
