// Settings of the person: who I am here, what I may, how the panel looks.

import { Button } from '../kit/button'
import { Segments } from '../kit/tabs'
import { useMe, useVersion, useWorkspace } from '../session/me'
import { Card, Content, Header, Section } from '../shell/header'
import { useSignOut } from '../shell/sign-out'
import { type Theme, setTheme, useTheme } from '../shell/theme'
import { FactList } from '../workload/peek'
import { SettingsTabs } from './tabs'

export function Page() {
  const me = useMe()
  const workspace = useWorkspace()
  const theme = useTheme()
  const version = useVersion()
  const signOut = useSignOut()
  return (
    <>
      <Header title="Settings" />
      <SettingsTabs />
      <Content>
        <div className="mx-auto flex max-w-3xl flex-col gap-8">
          <Section title="Account">
            <Card className="px-4 py-2">
              <FactList
                facts={[
                  ['Name', me.user.name],
                  ['E-mail', me.user.email],
                  ['Platform admin', me.user.is_platform_admin ? 'yes' : 'no'],
                ]}
              />
            </Card>
            <div>
              <Button onClick={signOut}>Sign out</Button>
            </div>
          </Section>
          <Section title="Appearance">
            <div>
              <Segments
                label="Theme"
                value={theme}
                onValue={(value) => setTheme(value as Theme)}
                options={[
                  { value: 'system', label: 'System' },
                  { value: 'light', label: 'Light' },
                  { value: 'dark', label: 'Dark' },
                ]}
              />
            </div>
          </Section>
          <Section title={`Rights in ${workspace.name}`} about={workspace.role === null ? 'As platform admin.' : `As ${workspace.role}.`}>
            <Card className="px-4 py-3">
              <ul className="flex flex-wrap gap-1.5">
                {workspace.capabilities.map((capability) => (
                  <li key={capability} className="rounded-full border border-line px-2 py-0.5 font-mono text-12 text-ink-2">
                    {capability}
                  </li>
                ))}
              </ul>
            </Card>
          </Section>
          {version !== '' && <p className="text-12 text-ink-3">Ostler {version}</p>}
        </div>
      </Content>
    </>
  )
}
